/** Names of data folders that mean something to a shell, to a list of mount options, or to a locale. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TestServer } from '../support/server.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'errand-odd-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('a data folder may have blanks, commas, backslashes, quotes and letters of any language in its name', async () => {
  const server = await TestServer.start({ dataDir: join(folder, 'a b,c\\d\'e"f $(id) ünïcödé 日本') });
  try {
    const id = await server.seedService({ 'a.txt': 'a\n' });
    const { output } = await server.run(id, 'cat a.txt; echo b > b.txt && cat b.txt');
    expect(output).toEqual(['a', 'b']);
  } finally {
    await server.close();
  }
});

test('a data folder with a colon is refused in words, since output would go elsewhere', async () => {
  await expect(TestServer.start({ dataDir: join(folder, 'a:b') })).rejects.toThrow(
    'the path must have no colon and no line break',
  );
});
