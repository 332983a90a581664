/** Writes what one instance consists of on disk: its own folders, and the bundle that the runtime reads. */
import { chmodSync, chownSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { giveTree as giveWholeTree } from '../../shared/trees.ts';
import type { InstanceSpec } from '../executor.ts';
import { shellText } from '../shell-input.ts';
import {
  COMMAND_FILE,
  type HostFacts,
  type InstancePaths,
  needsCommandFile,
  ORDERS_FILE,
  ociConfig,
  orders,
  type SharedSpec,
} from './spec.ts';

export interface User {
  uid: number;
  gid: number;
}

/** Folders that an instance writes. */
export const WRITTEN = ['home', 'tmp', 'upper', 'work'];

/** Makes the folders of an instance: those that it writes, owned by its user, and the one of its ticket. */
export function makeInstanceFolders(folder: string, user: User): void {
  const inside = (name: string): string => join(folder, name);
  for (const name of [
    'home',
    'home/project',
    'home/project/src',
    'home/.cache',
    'tmp',
    'upper',
    'work',
    'ticket',
  ]) {
    mkdirSync(inside(name));
    // The first process creates the ticket in it as the instance's user.
    if (name !== 'tmp' && name !== 'work') chownSync(inside(name), user.uid, user.gid);
  }
  chmodSync(inside('tmp'), 0o1777);
  // Overlay takes the mode of its root from the upper layer.
  chmodSync(inside('upper'), 0o755);
}

/** Hands a tree to the instance's user; one that it owns already is left as it is. */
export async function giveTree(tree: string, user: User): Promise<void> {
  mkdirSync(tree, { recursive: true });
  if (statSync(tree).uid === user.uid) return;
  // The root last: its owner tells that the rest is done.
  await giveWholeTree(tree, user);
}

/** Writes `config.json` and the secret files; readable by root, secret files also by the instance's user. */
export function writeBundle(
  folder: string,
  name: string,
  spec: SharedSpec,
  paths: InstancePaths,
  host: HostFacts,
): void {
  mkdirSync(paths.orders, { mode: 0o755 });
  writeEtc(paths.etc, name, host);
  if (spec.secretFiles.length > 0) {
    mkdirSync(paths.secrets, { mode: 0o755 });
    for (const { name: file, content } of spec.secretFiles) {
      writeFor(host, join(paths.secrets, file), content.reveal());
    }
  }
  const config = ociConfig(name, spec, paths, host);
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config), { mode: 0o600 });
}

/** The layer of /etc that is the instance's own: under its own name it finds itself. */
function writeEtc(folder: string, name: string, { hosts, resolvConf }: HostFacts): void {
  mkdirSync(join(folder, 'secrets'), { recursive: true });
  const lines = hosts === '' || hosts.endsWith('\n') ? hosts : `${hosts}\n`;
  const files = { hosts: `${lines}127.0.0.1 ${name}\n`, hostname: `${name}\n`, 'resolv.conf': resolvConf };
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text, { mode: 0o444 });
}

/** Writes what the first process of an instance reads at its start. */
export function writeOrders(folder: string, { command, environment }: InstanceSpec, user: User): void {
  if (needsCommandFile(command)) writeFor(user, join(folder, COMMAND_FILE), shellText(command));
  writeFor(user, join(folder, ORDERS_FILE), orders(command, environment));
}

function writeFor(user: User, file: string, text: string): void {
  writeFileSync(file, text, { mode: 0o400 });
  chownSync(file, user.uid, user.gid);
}
