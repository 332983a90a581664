/** This checkout as a tar: what git knows or would add, and the packages of npm, which take long to install anew. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '../..');

/**
 * Writes the tar `file`.
 * @param withTests whether the packages that only the tests use are in it
 */
export function packCheckout(file: string, withTests: boolean): void {
  const git = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const known = execFileSync('git', git, { cwd: ROOT, encoding: 'utf8' }).split('\0').filter(Boolean);
  const list = `${file}.list`;
  writeFileSync(list, [...known, 'node_modules'].join('\0'));
  // The headers of the pinned Node are thousands of files that nothing here reads.
  const left = ['node_modules/.cache', 'node_modules/node/node_modules/*/include'];
  if (!withTests) left.push(...packagesOfTests());
  const exclude = left.map((path) => `--exclude=${path}`);
  execFileSync(
    'tar',
    [
      '-c',
      '-f',
      file,
      '--anchored',
      ...exclude,
      '--ignore-failed-read',
      '--null',
      '--verbatim-files-from',
      '-T',
      list,
    ],
    // A file that git knows and that is gone from the working tree is told of, and is no failure.
    { cwd: ROOT, stdio: ['ignore', 'ignore', 'ignore'] },
  );
}

function packagesOfTests(): string[] {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean; devOptional?: boolean }>;
  };
  return Object.entries(packages)
    .filter(([, { dev, devOptional }]) => dev || devOptional)
    .map(([path]) => path);
}
