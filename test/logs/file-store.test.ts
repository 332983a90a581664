import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileLogStore } from '../../src/logs/file-store.ts';
import { SystemClock } from '../../src/shared/clock.ts';
import { describeLogStore } from '../contracts/log-store.contract.ts';

describeLogStore('files', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'errand-logs-'));
  return {
    open: async () => new FileLogStore(folder, new SystemClock()),
    remove: () => rm(folder, { recursive: true }),
  };
});
