/** Mount flags that administrators and distributions set, and that must not keep instances from running. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { stillMounted } from '../../src/executors/instance-folder.ts';
import { mountsBelow } from '../../src/shared/mount-table.ts';
import { removeTree } from '../../src/shared/trees.ts';
import { buildService } from '../support/build-service.ts';
import { GitRepository } from '../support/git-repository.ts';
import { patient } from '../support/patience.ts';
import { TestServer } from '../support/server.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'errand-mounts-'));
});
afterEach(() => {
  for (const { target } of mountsBelow(folder).reverse()) execFileSync('umount', [target]);
  rmSync(folder, { recursive: true, force: true });
});

test('a data folder that is mounted noexec holds builds and jobs that run their own programs', async () => {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'noexec,nosuid,nodev', 'tmpfs', folder]);
  const repository = new GitRepository({ 'tool.sh': '#!/bin/sh\necho tool\n' });
  const server = await TestServer.start({ dataDir: join(folder, 'data') });
  try {
    const { service, deploy } = await buildService(
      server,
      repository,
      'chmod +x tool.sh && ./tool.sh > made.txt',
    );
    expect(deploy.status).toBe('live');
    const job = await server.run(service.id, 'cat made.txt; ./tool.sh; cp tool.sh /tmp/mine && /tmp/mine');
    expect(job.output).toEqual(['tool', 'tool', 'tool']);
  } finally {
    await server.close();
    repository.remove();
  }
});

test('a removal that meets a mount ends soon, and names it', async () => {
  const deep = join(folder, 'a', 'b', 'c', 'd');
  mkdirSync(deep, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', deep]);
  const began = performance.now();
  const error = await removeTree(folder).catch((cause: unknown) => cause);
  expect(error).toMatchObject({ code: expect.stringMatching(/^(?:EBUSY|ENOTEMPTY)$/) });
  expect(performance.now() - began).toBeLessThan(patient(10_000));
  expect(String(stillMounted(folder, error))).toContain(`${deep} (tmpfs)`);
});
