/** Writes what one instance consists of on disk: its own folders, and the bundle that the runtime reads. */
import { chmodSync, chownSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { lchown } from 'node:fs/promises';
import { join } from 'node:path';
import { walkTree } from '../../shared/trees.ts';
import type { InstanceSpec } from '../executor.ts';
import { type HostFacts, type InstancePaths, needsCommandFile, ociConfig } from './spec.ts';

interface User {
  uid: number;
  gid: number;
}

/** Makes the writable folders of an instance, owned by its user. */
export function makeInstanceFolders(
  folder: string,
  paths: InstancePaths,
  ticketFolder: string,
  user: User,
): void {
  for (const path of [paths.home, paths.tmp, paths.upper, paths.work]) mkdirSync(path);
  for (const path of [
    join(paths.home, 'project'),
    join(paths.home, 'project', 'src'),
    join(paths.home, '.cache'),
  ]) {
    mkdirSync(path);
    chownSync(path, user.uid, user.gid);
  }
  for (const path of [paths.home, paths.upper]) chownSync(path, user.uid, user.gid);
  chmodSync(paths.tmp, 0o1777);
  // The first process creates the ticket in it as the instance's user.
  chownSync(ticketFolder, user.uid, user.gid);
  // Overlay takes the mode of its root from the upper layer.
  chmodSync(paths.upper, 0o755);
  chmodSync(folder, 0o700);
}

/** Hands a tree to the instance's user; one that it owns already is left as it is. */
export async function giveTree(tree: string, user: User): Promise<void> {
  mkdirSync(tree, { recursive: true });
  if (statSync(tree).uid === user.uid) return;
  await walkTree(tree, (path) => lchown(path, user.uid, user.gid));
  // The root last: its owner tells that the rest is done.
  chownSync(tree, user.uid, user.gid);
}

/** Writes `config.json` and the files with secrets; readable by root, secrets also by the instance's user. */
export function writeBundle(folder: string, spec: InstanceSpec, paths: InstancePaths, host: HostFacts): void {
  if (spec.secretFiles.length > 0) {
    mkdirSync(paths.secrets, { mode: 0o755 });
    for (const { name, content } of spec.secretFiles) {
      writeFileSync(join(paths.secrets, name), content.reveal(), { mode: 0o400 });
      chownSync(join(paths.secrets, name), host.uid, host.gid);
    }
  }
  if (needsCommandFile(spec.command)) {
    writeFileSync(paths.commandFile, spec.command, { mode: 0o444 });
  }
  const config = ociConfig(spec, paths, host);
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config), { mode: 0o600 });
}
