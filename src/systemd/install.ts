/** Puts files in place that belong to the operator: what is there and differs is shown, and replaced only on demand. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { hasSystemd } from '../executors/local/jobs-scope.ts';
import { findProgram, run } from '../executors/local/runtime.ts';

/** A host under load reads its units slowly. */
const RELOAD_WAIT_MS = 60_000;

export interface PlannedFile {
  path: string;
  text: string;
}

export type Fate = 'written' | 'replaced' | 'unchanged';

/** Files that are there with another content; the message shows what differs. */
export class DifferentFilesError extends Error {}

/**
 * Writes all of them, or none where one is there and differs.
 * @param force replaces those
 * @throws DifferentFilesError
 */
export function putFiles(files: PlannedFile[], force: boolean): { path: string; fate: Fate }[] {
  const plans = files.map((file) => ({ ...file, old: readIfThere(file.path) }));
  const different = plans.filter(({ old, text }) => old !== undefined && old !== text);
  if (different.length > 0 && !force) {
    throw new DifferentFilesError(
      different
        .map(
          ({ path, old, text }) =>
            `${path} is there and differs (- there, + new):\n${difference(old!, text)}`,
        )
        .join('\n'),
    );
  }
  return plans.map(({ path, text, old }) => {
    if (old === text) return { path, fate: 'unchanged' };
    mkdirSync(dirname(path), { recursive: true });
    // There whole or not at all: systemd may read it at any time.
    writeFileSync(`${path}.new`, text, { mode: 0o644, flush: true });
    renameSync(`${path}.new`, path);
    return { path, fate: old === undefined ? 'written' : 'replaced' };
  });
}

/** Writes a file for its owner's eyes alone, unless it is there: it may hold what is known nowhere else. */
export function putSecretFile(path: string, text: string): Fate {
  mkdirSync(dirname(path), { recursive: true });
  try {
    writeFileSync(path, text, { mode: 0o600, flag: 'wx', flush: true });
    return 'written';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return 'unchanged';
  }
}

export { hasSystemd };

/** Tells systemd of changed units. @throws with its own words */
export function reloadSystemd(): void {
  const program = findProgram('systemctl');
  if (!program) throw new Error('not found: systemctl');
  run(program, ['daemon-reload'], RELOAD_WAIT_MS);
}

/** Lines that only one of the two has. */
function difference(old: string, fresh: string): string {
  const [olds, freshes] = [old.split('\n'), fresh.split('\n')];
  return [
    ...olds.filter((line) => !freshes.includes(line)).map((line) => `- ${line}`),
    ...freshes.filter((line) => !olds.includes(line)).map((line) => `+ ${line}`),
  ].join('\n');
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
