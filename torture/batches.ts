/** Runs a number of rounds, some at the same time, and gathers what was wrong. */
import type { Violations } from './verdict.ts';

export class Findings {
  readonly violations: Violations = new Map();

  note(kind: string, what: string): void {
    this.violations.set(kind, [...(this.violations.get(kind) ?? []), what]);
  }
}

/** @param work gets the number of the round, from 1 */
export async function rounds(
  count: number,
  atOnce: number,
  work: (round: number) => Promise<void>,
): Promise<void> {
  let next = 1;
  const worker = async (): Promise<void> => {
    while (next <= count) await work(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
