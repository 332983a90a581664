/** Starts one real instance, beside whatever a server of the same data folder does. */
import { mkdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { claimDataFolder } from '../data-folder.ts';
import { giveTree } from '../executors/local/bundle.ts';
import {
  type LocalExecutor,
  type LocalExecutorOptions,
  TRIAL_PREFIX,
  USER,
} from '../executors/local/executor.ts';
import { openLocalExecutor } from '../executors/local/open.ts';
import { mountsBelow } from '../shared/mount-table.ts';
import { RUN_AS_ROOT } from './cgroup.ts';
import { advise, type Check, fail, ok, type Verdict } from './check.ts';
import { nearest } from './storage.ts';

/** On a slow machine an instance takes seconds. */
const END_WAIT_MS = 60_000;
const MEMORY_BYTES = 64 * 2 ** 20;
/** The limit of memory as programs read it, on cgroup v2 or v1. */
const COMMAND =
  'cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null | head -n 1';

/** @param fitSoFar whether it is worth trying: what failed before would only be said again */
export const instance = (options: LocalExecutorOptions, fitSoFar: () => boolean): Check => ({
  id: 'instance',
  name: 'instance',
  essential: true,
  async look() {
    if (process.getuid?.() !== 0) return advise('not tried: only root can start one', RUN_AS_ROOT);
    if (!fitSoFar())
      return advise('not tried, for what failed above', 'mend that, and run `errand doctor` again');
    try {
      return await tryInstance(options);
    } catch (error) {
      return fail((error as Error).message, 'mend what the message names; the checks above may say more');
    }
  },
});

async function tryInstance(options: LocalExecutorOptions): Promise<Verdict> {
  // On the same file system where there is one yet. Always the same: what an interrupted try left goes with the next.
  const home = nearest(options.dataDir);
  const dataDir = home === options.dataDir ? join(home, 'doctor') : join(home, 'errand-doctor');
  const began = performance.now();
  const folder = claimDataFolder(dataDir);
  try {
    const executor = await openLocalExecutor({ ...options, dataDir });
    try {
      const readyMs = performance.now() - began;
      const tried = await runOne(executor, join(dataDir, 'try'));
      return judgeTrial({ ...tried, readyMs, runtime: executor.runtime });
    } finally {
      await executor.close();
    }
  } finally {
    folder.release();
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** @param tried what it saw as its limit of memory, and what made it */
function judgeTrial(tried: { seen: string; tookMs: number; readyMs: number; runtime: string }): Verdict {
  const { seen, tookMs, readyMs, runtime } = tried;
  const took = `one was started and ended in ${Math.round(tookMs)} ms, ready after ${Math.round(readyMs)} ms`;
  if (seen === '') {
    return advise(
      `${took} (${runtime}); it is limited and cannot see its limits: a JVM takes the memory of the host for its own`,
      'use crun',
    );
  }
  if (seen !== String(MEMORY_BYTES)) {
    const limits = `it sees "${seen}" as its limit of memory instead of ${MEMORY_BYTES}`;
    return fail(`${took} (${runtime}); ${limits}`, 'see the cgroups above');
  }
  const found = `${took} (${runtime}); it sees its limit of 64 MB`;
  if (runtime.includes('user namespaces')) return ok(found);
  // A process may show in a namespace of its own no more of /proc than it sees itself.
  const over = mountsBelow('/proc').map(({ target }) => target);
  return advise(
    `${found}, and has no user namespace: what is left of privileges in it counts on the host as well`,
    over.length > 1
      ? `nothing may be mounted below /proc, as a unit's ProtectKernelTunables or ProtectKernelLogs do it: ${over.slice(1).join(', ')}`
      : 'use crun and Linux 5.11 or newer',
  );
}

async function runOne(executor: LocalExecutor, folder: string): Promise<{ seen: string; tookMs: number }> {
  const id = `${TRIAL_PREFIX}${process.pid}`;
  const logFile = join(folder, 'log');
  const tree = join(folder, 'tree');
  mkdirSync(tree, { recursive: true });
  await giveTree(tree, USER);
  const began = performance.now();
  try {
    await executor.start({
      id,
      command: COMMAND,
      environment: {},
      secretFiles: [],
      project: { kind: 'artifact', tree },
      workingDirectory: '',
      limits: { memoryBytes: MEMORY_BYTES, cpuMillis: 1000, pids: 64 },
      logFile,
    });
    const end = await executor.wait(id, AbortSignal.timeout(END_WAIT_MS));
    const tookMs = performance.now() - began;
    if (end.state !== 'exited' || end.exit.exitCode !== 0) {
      throw new Error(`an instance ended as ${JSON.stringify(end)} instead of exit code 0`);
    }
    return { seen: / stdout F (.*)$/m.exec(readFileSync(logFile, 'utf8'))?.[1] ?? '', tookMs };
  } finally {
    await executor.destroy(id);
  }
}
