import { appendFileSync, linkSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ChangeWatch } from '../../src/logs/change-watch.ts';
import { eventually } from '../support/eventually.ts';

describe('watching for changes', () => {
  let folder: string;
  const watch = new ChangeWatch();
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'errand-watch-'));
  });
  afterEach(() => {
    watch.close();
    rmSync(folder, { recursive: true });
  });

  it('tells of a file that is linked into a folder, and of what its writer adds under the name it opened', async () => {
    const [supervisors, logs] = [join(folder, 'supervisors'), join(folder, 'logs')];
    mkdirSync(supervisors);
    mkdirSync(logs);
    const [written, read] = [join(supervisors, 'log'), join(logs, 'output.log')];
    writeFileSync(written, '');
    let inFolder = 0;
    watch.listen(logs, () => inFolder++);
    linkSync(written, read);
    await eventually(() => inFolder > 0);
    let inFile = 0;
    watch.listen(read, () => inFile++);
    appendFileSync(written, 'a line\n');
    await eventually(() => inFile > 0);
  });

  it('tells nobody who has stopped listening', async () => {
    const file = join(folder, 'output.log');
    writeFileSync(file, '');
    let [left, stayed] = [0, 0];
    const leave = watch.listen(file, () => left++);
    watch.listen(file, () => stayed++);
    leave();
    appendFileSync(file, 'a line\n');
    await eventually(() => stayed > 0);
    expect(left).toBe(0);
  });
});
