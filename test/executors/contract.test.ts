/** The executor contract on every engine of this machine: both runtimes of the local executor, and plain processes. */
import { LocalExecutor } from '../../src/executors/local/executor.ts';
import { openJobsPlace } from '../../src/executors/local/jobs-place.ts';
import { openLocalExecutor } from '../../src/executors/local/open.ts';
import { findProgram } from '../../src/executors/local/runtime.ts';
import { ProcessExecutor } from '../../src/executors/process/executor.ts';
import { executorContract } from '../contracts/executor.contract.ts';

const program = (name: string): string => {
  const path = findProgram(name);
  if (!path) throw new Error(`${name} is not installed: script/install-dependencies --tests`);
  return path;
};

executorContract('local', (dataDir) => openLocalExecutor({ dataDir, network: 'host' }), {
  // The kernel keeps that from overlays in a user namespace.
  renamesFolders: false,
});

executorContract('local (runc)', async (dataDir) => {
  const choice = {
    name: 'runc',
    path: program('runc'),
    joinsCgroup: false,
    userNamespace: false,
    hidesUnified: false,
  } as const;
  const executor = new LocalExecutor({
    dataDir,
    network: 'host',
    conmon: program('conmon'),
    init: program('tini'),
    choice,
    place: await openJobsPlace(dataDir),
  });
  await executor.open();
  return executor;
});

executorContract('process', async (dataDir) => new ProcessExecutor({ dataDir }), {
  hasLimits: false,
});
