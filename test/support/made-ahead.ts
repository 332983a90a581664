/** Which supervisors of a data folder have an instance made already that waits for its job. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runtimeFolder } from '../../src/executors/local/executor.ts';

export function madeAhead(dataDir: string): string[] {
  return readdirSync(join(dataDir, 'standby')).filter((name) => {
    const report = join(runtimeFolder(dataDir), 'bundles', name, 'report');
    return existsSync(report) && /"pid": \d/.test(readFileSync(report, 'utf8'));
  });
}
