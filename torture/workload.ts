/** The mix of jobs, made from a seed: what each is asked to do, and what Errand must say of it afterwards. Pure. */
import type { Random } from './random.ts';

export type Kind =
  | 'quick' // a few lines, then an exit code
  | 'slow' // lines over up to three seconds
  | 'killsItself'
  | 'canceled' // runs until it is canceled
  | 'ignoresTerm' // canceled, and SIGTERM does nothing to it
  | 'canceledAtOnce' // canceled while it waits, starts or ends
  | 'timesOut';

export interface Task {
  number: number;
  kind: Kind;
  /** What follows the preamble of the truth. */
  script: string;
  /** Lines that it prints when nothing ends it. */
  lines: number;
  exitCode: number;
  timeoutSeconds?: number;
  /** When to cancel, counted from the answer to its creation. */
  cancelAfterMs?: number;
}

/** Runs until it is ended. A shell says of each child that was killed that it was: that is no line of the job's. */
const ENDLESS =
  'exec 2>/dev/null; while :; do i=$((i+1)); echo "$j line $i"; echo "line $j $i" >&3; sleep 0.05; done';

/** The output line `n` of job `number`. */
export const lineOf = (number: number, n: number): string => `${number} line ${n}`;

/** @param numbers of the jobs, in order */
export function makeTask(number: number, random: Random): Task {
  const kind = random.pick(KINDS);
  const exitCode = random.pick([0, 0, 0, 1, 3, 42, 126, 255]);
  const head = `j=${number}; i=0; `;
  const finite = (lines: number, pause: string): string =>
    `${head}while [ $i -lt ${lines} ]; do i=$((i+1)); echo "$j line $i"; ${pause}done; echo "end $j" >&3; `;
  switch (kind) {
    case 'quick': {
      const lines = random.between(0, 200);
      return { number, kind, lines, exitCode, script: `${finite(lines, '')}exit ${exitCode}` };
    }
    case 'slow': {
      const lines = random.between(1, 30);
      return { number, kind, lines, exitCode, script: `${finite(lines, 'sleep 0.1; ')}exit ${exitCode}` };
    }
    case 'killsItself':
      return { number, kind, lines: 3, exitCode: 137, script: `${finite(3, '')}kill -KILL $$` };
    case 'canceled':
    case 'ignoresTerm':
      return {
        number,
        kind,
        lines: Number.POSITIVE_INFINITY,
        exitCode: 0,
        script: `${kind === 'ignoresTerm' ? "trap '' TERM; " : ''}${head}${ENDLESS}`,
        cancelAfterMs: random.between(0, 2500),
      };
    case 'canceledAtOnce': {
      const lines = random.between(0, 20);
      const cancelAfterMs = random.between(0, 150);
      return { number, kind, lines, exitCode, cancelAfterMs, script: `${finite(lines, '')}exit ${exitCode}` };
    }
    case 'timesOut':
      return {
        number,
        kind,
        lines: Number.POSITIVE_INFINITY,
        exitCode: 0,
        script: head + ENDLESS,
        timeoutSeconds: random.between(1, 2),
      };
    default:
      return kind satisfies never;
  }
}

/** By weight: most jobs in real life end by themselves. */
const KINDS: readonly Kind[] = [
  ...(['quick', 'quick', 'quick', 'quick', 'slow', 'slow', 'slow'] as const),
  ...(['killsItself', 'canceled', 'ignoresTerm', 'canceledAtOnce', 'canceledAtOnce', 'timesOut'] as const),
];
