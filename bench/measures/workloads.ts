/** What several measures run. */
import { chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

const INSTANCE_USER = 64_000;

/** The limits of the smallest instance type, which services of the bench have. */
export const STARTER = { memoryBytes: 512 * 2 ** 20, cpuMillis: 500 };
/** An instance type with two CPUs, for measures that must not meet a limit. */
export const PRO = { planId: 'plan-srv-010', memoryBytes: 4 * 2 ** 30, cpuMillis: 2000 };

/** An empty project for the peers. */
export function emptyTree(folder: string): string {
  const tree = join(folder, 'empty-tree');
  mkdirSync(tree, { recursive: true });
  chownSync(tree, INSTANCE_USER, INSTANCE_USER);
  return tree;
}
