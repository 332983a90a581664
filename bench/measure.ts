/** What a measure is given, and what it hands to the report. */
import type { Peers } from './peers/peers.ts';

export interface Table {
  columns: string[];
  rows: string[][];
}

/** One promise about speed or size, and what this run found. */
export interface Target {
  what: string;
  wanted: string;
  found: string;
  /** Undefined when it could not be measured here; `found` says why. */
  holds: boolean | undefined;
}

export interface Section {
  title: string;
  targets: Target[];
  tables: Table[];
  /** How it was measured, and what a reader must know to judge the figures. */
  notes: string[];
}

export interface Bench {
  /** Turns in which the sides are measured one after the other. */
  rounds: number;
  /** Fewer and smaller measurements: for trying, not for quoting. */
  quick: boolean;
  /** A folder of this run, removed at its end. */
  folder: string;
  peers: Peers;
  /** Progress for whoever watches. */
  say(line: string): void;
}

export interface Measure {
  name: string;
  run(bench: Bench): Promise<Section>;
}

/** A target of the form "found is at most wanted". */
export function atMost(what: string, limit: number, found: number, unit: string): Target {
  return { what, wanted: `at most ${limit}${unit}`, found: `${show(found)}${unit}`, holds: found <= limit };
}

/** A target of the form "found is at least wanted". */
export function atLeast(what: string, limit: number, found: number, unit: string): Target {
  return { what, wanted: `at least ${limit}${unit}`, found: `${show(found)}${unit}`, holds: found >= limit };
}

const show = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toFixed(2));
