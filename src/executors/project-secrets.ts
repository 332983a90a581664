import { lstatSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Which secret files are also shown in the root of the project: those whose place is free or holds a plain file. A
 * folder cannot give way to a file, and a link would lead out of the project.
 */
export function shownInProject<File extends { name: string }>(tree: string, files: readonly File[]): File[] {
  return files.filter(({ name }) => {
    const found = lstatSync(join(tree, name), { throwIfNoEntry: false });
    return !found || found.isFile();
  });
}
