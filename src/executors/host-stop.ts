/**
 * What is known of stops that came from outside of all jobs: the host goes down in order, or systemd stops the scope in
 * which they run. Then every program is signalled at once, and how it ended says nothing about the program itself.
 *
 * The proof is `<data>/host-stop`, a line `<boot id> <seconds.nanoseconds>` for each stop. The scope's first process
 * writes it when it is signalled; the server does where it sees that the host is stopping. A loss of power writes none.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { formatMicros, parseMicros } from '../shared/clock.ts';
import type { ExitStatus } from './executor.ts';

const execute = promisify(execFile);

/** Whoever writes the line is signalled together with the jobs, and may be slower than they are. */
const SIGNAL_SLACK_MICROS = 5_000_000;
/** The times of files come from a clock that stands still between two ticks of the kernel. */
const TICK_MICROS = 10_000;
/** An exit that is older was not caused by a stop that is under way only now. */
const FRESH_MICROS = 10_000_000;
/** On a host that goes down, and a slow one at that, an answer may take seconds. */
const ANSWER_WITHIN_MS = 10_000;
/** How long the scope's first process may take to write its line, and how often that is looked for. */
const LINE_WAIT_MS = 250;
const LINE_LOOK_MS = 25;
/** As a shell reports that SIGKILL or SIGTERM ended a command. */
const SIGNALLED = [128 + 9, 128 + 15];

/** A command that a stop may have cut short. */
export interface StoppedWork {
  /** The boot in which it was started; undefined where that was not kept, and its times must do. */
  bootId?: string | undefined;
  startedAt: string;
  /** How it ended; undefined where nothing recorded it. */
  exit?: ExitStatus | undefined;
}

/** What cut it short, to be followed by `while` or `before`, and when. */
export interface OutsideStop {
  what: string;
  at: string;
}

interface Line {
  bootId: string;
  micros: number;
}

export interface HostStopsOptions {
  dataDir: string;
  /** Of the present boot. */
  bootId: string;
  /** The program that says whether the host is stopping; undefined where systemd does not run it. */
  systemctl?: string | undefined;
  /** How long it may take to answer; ten seconds unless given. */
  answerWithinMs?: number;
}

/** Where stops are recorded. */
export const hostStopFile = (dataDir: string): string => join(dataDir, 'host-stop');

/** `systemctl` where systemd runs this host. */
export const systemctlOfHost = (): string | undefined =>
  existsSync('/run/systemd/system') ? 'systemctl' : undefined;

export class HostStops {
  readonly #file: string;
  readonly #bootId: string;
  readonly #systemctl: string | undefined;
  readonly #answerWithinMs: number;
  /** As this server found them: a stop in the present boot replaces what was written in the one before. */
  readonly #found: Line[];
  #asking: Promise<boolean> | undefined;
  #isStopping = false;

  constructor({ dataDir, bootId, systemctl, answerWithinMs = ANSWER_WITHIN_MS }: HostStopsOptions) {
    this.#file = hostStopFile(dataDir);
    this.#bootId = bootId;
    this.#systemctl = systemctl;
    this.#answerWithinMs = answerWithinMs;
    this.#found = this.#read();
  }

  /**
   * The recorded stop that cut the work short. Work that ended before it, or began after it, was not cut short by it;
   * nor was what needed too much memory.
   */
  async recorded(work: StoppedWork): Promise<OutsideStop | undefined> {
    if (work.exit?.oomKilled) return undefined;
    const line = [...this.#read(), ...this.#found].find((one) => cutsShort(one, work));
    if (!line) return undefined;
    // A boot that goes on outlived the stop: then it was not the host that stopped.
    const ofHost = line.bootId !== this.#bootId || (await this.isStopping());
    return { what: ofHost ? OF_HOST : OF_SCOPE, at: formatMicros(line.micros) };
  }

  /**
   * The stop that is under way right now and ended the work by a signal, where nothing else asked for its end. Takes a
   * quarter of a second to say that there is none.
   */
  async witnessed(work: StoppedWork): Promise<OutsideStop | undefined> {
    const { exit } = work;
    if (!exit || !wasSignalled(exit) || exit.oomKilled || !this.#systemctl) return undefined;
    if (Date.now() * 1000 - parseMicros(exit.finishedAt) > FRESH_MICROS) return undefined;
    if (await this.isStopping()) this.record(exit.finishedAt);
    const deadline = Date.now() + LINE_WAIT_MS;
    for (;;) {
      const stop = await this.recorded(work);
      if (stop || Date.now() > deadline) return stop;
      await delay(LINE_LOOK_MS);
    }
  }

  /** Whether the host was seen to be going down. */
  get isKnownToStop(): boolean {
    return this.#isStopping;
  }

  /** Asks whether the host is going down in order. Where nothing answers in time, it is not known to. */
  async isStopping(): Promise<boolean> {
    // One answer serves all that ask meanwhile; and what goes down never comes up again in this boot.
    if (this.#isStopping || !this.#systemctl) return this.#isStopping;
    this.#asking ??= saysStopping(this.#systemctl, this.#answerWithinMs).finally(() => {
      this.#asking = undefined;
    });
    if (await this.#asking) this.#isStopping = true;
    return this.#isStopping;
  }

  /** Records a stop of this boot, durably; one that is recorded already within its slack stays. @param at an instant */
  record(at: string): void {
    const micros = parseMicros(at);
    const ofThisBoot = this.#read().filter(({ bootId }) => bootId === this.#bootId);
    if (ofThisBoot.some((one) => one.micros <= micros && micros - one.micros <= SIGNAL_SLACK_MICROS)) return;
    const lines = [...ofThisBoot, { bootId: this.#bootId, micros }];
    const text = lines.map(({ bootId, micros: of }) => `${bootId} ${Math.floor(of / 1e6)}.${nanos(of)}\n`);
    writeFileSync(`${this.#file}.new`, text.join(''), { mode: 0o600, flush: true });
    renameSync(`${this.#file}.new`, this.#file);
  }

  #read(): Line[] {
    // Asked at the end of every job, and nearly never there.
    if (!statSync(this.#file, { throwIfNoEntry: false })) return [];
    try {
      return readFileSync(this.#file, 'utf8').split('\n').flatMap(parseLine);
    } catch {
      // Replaced or removed in between, or not readable: then it proves nothing.
      return [];
    }
  }
}

const OF_HOST = 'the host was stopped';
const OF_SCOPE = 'systemd was told to stop the scope that holds all jobs';

const nanos = (micros: number): string => `${String(micros % 1e6).padStart(6, '0')}000`;

function parseLine(text: string): Line[] {
  const [, bootId, seconds, fraction] = /^(\S+) (\d{1,12})(?:\.(\d{1,9}))?$/.exec(text) ?? [];
  if (bootId === undefined) return [];
  return [{ bootId, micros: Number(seconds) * 1e6 + Number((fraction ?? '').padEnd(6, '0').slice(0, 6)) }];
}

function cutsShort({ bootId, micros }: Line, work: StoppedWork): boolean {
  if (work.bootId !== undefined && work.bootId !== bootId) return false;
  const beganBefore = parseMicros(work.startedAt) <= micros;
  if (!work.exit) return beganBefore;
  const ended = parseMicros(work.exit.finishedAt);
  if (!wasSignalled(work.exit)) return beganBefore && ended >= micros - TICK_MICROS;
  // What is started while everything is being signalled is signalled too.
  const endedWithIt = Math.abs(ended - micros) <= SIGNAL_SLACK_MICROS;
  return endedWithIt || (beganBefore && ended >= micros);
}

const wasSignalled = ({ exitCode }: ExitStatus): boolean => SIGNALLED.includes(exitCode);

/**
 * Whether the target that every way down leads through is reached or wanted. `is-system-running` of older releases says
 * "starting" instead for as long as the host has not come up whole, also while it goes down again.
 */
async function saysStopping(systemctl: string, timeout: number): Promise<boolean> {
  const question = ['show', '--property=ActiveState', '--property=Job', 'shutdown.target'];
  const options = { timeout, killSignal: 'SIGKILL' as const };
  const { stdout } = await execute(systemctl, question, options).catch(() => ({ stdout: '' }));
  return /^(ActiveState=(active|activating)|Job=[1-9]\d*)$/m.test(stdout);
}
