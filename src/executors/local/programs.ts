/** The programs of the host that instances are made with: one of each kind is needed, the first one preferred. */
import { findProgram } from './runtime.ts';

export const PROGRAMS = {
  runtime: ['crun', 'runc'],
  supervisor: ['conmon'],
  init: ['tini', 'catatonit'],
} as const;

/** Where those of a kind are that this host has. */
export function findPrograms<K extends keyof typeof PROGRAMS>(
  kind: K,
): { name: (typeof PROGRAMS)[K][number]; path: string }[] {
  return PROGRAMS[kind].flatMap((name) => {
    const path = findProgram(name);
    return path === undefined ? [] : [{ name, path }];
  });
}
