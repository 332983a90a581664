/** One thing that is looked at on this host: what was found, whether that will do, and what to do where it will not. */

export type Status = 'ok' | 'advice' | 'failed';

export interface Verdict {
  status: Status;
  /** What was found, with the value seen. */
  found: string;
  /** What to do; only where the status is not `ok`. */
  advice?: string;
}

export interface Check {
  /** Names it in JSON: `run-folder`. */
  id: string;
  /** Names it for people: `run folder`. */
  name: string;
  /** Whether jobs cannot run, or not be kept, where it failed. */
  essential: boolean;
  look(): Verdict | Promise<Verdict>;
}

export type Finding = Verdict & Pick<Check, 'id' | 'name' | 'essential'>;

export const ok = (found: string): Verdict => ({ status: 'ok', found });
export const advise = (found: string, advice: string): Verdict => ({ status: 'advice', found, advice });
export const fail = (found: string, advice: string): Verdict => ({ status: 'failed', found, advice });

/** Looks at one thing. What cannot be looked at is not taken for broken. */
export async function find({ id, name, essential, look }: Check): Promise<Finding> {
  let verdict: Verdict;
  try {
    verdict = await look();
  } catch (error) {
    verdict = advise(
      `could not be looked at: ${error instanceof Error ? error.message : String(error)}`,
      'look at it by hand',
    );
  }
  return { id, name, essential, ...verdict };
}

/** Whether nothing essential failed. */
export const isFit = (findings: Finding[]): boolean =>
  findings.every(({ status, essential }) => status !== 'failed' || !essential);
