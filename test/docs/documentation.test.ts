/** What the documentation says about the code is true of it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { errorStatuses } from '../../src/errors.ts';

const ROOT = join(import.meta.dirname, '../..');
const documents = [
  'README.md',
  'examples/todo-api/README.md',
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

test('docs/http-errors.md lists every code of the catalogue with its status, and no other', () => {
  const rows = [...read('docs/http-errors.md').matchAll(/^\| `(\w+)` +\| (\d{3}) +\|/gm)];
  const listed = Object.fromEntries(rows.map(([, code, status]) => [code, Number(status)]));
  expect(listed).toEqual(errorStatuses);
});

describe.each(documents)('%s', (document) => {
  const text = read(document);

  test('names only files and folders that are there', () => {
    const named = [...text.matchAll(/`((?:src|test|docs|script|scripts|examples|bench)\/[\w./-]*)`/g)];
    const missing = named.map(([, path]) => path!).filter((path) => !existsSync(join(ROOT, path)));
    expect(missing).toEqual([]);
  });

  test('links only to files that are there', () => {
    const links = [...text.matchAll(/\]\(((?!https?:|#|mailto:)[^)#]+)(?:#[^)]*)?\)/g)].map(([, to]) => to!);
    expect(links.filter((to) => !existsSync(join(ROOT, dirname(document), to)))).toEqual([]);
  });
});

test('the architecture page names every folder of src', () => {
  const page = read('docs/architecture.md');
  const folders = readdirSync(join(ROOT, 'src'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `\`src/${name}\``);
  expect(folders.filter((folder) => !page.includes(folder))).toEqual([]);
});

test('decisions are numbered without a gap and have a context, a decision and consequences', () => {
  const names = readdirSync(join(ROOT, 'docs/decisions')).sort();
  expect(names.map((name) => Number(name.slice(0, 4)))).toEqual(names.map((_, index) => index + 1));
  for (const name of names) {
    const text = read(join('docs/decisions', name));
    for (const part of ['# ', '## Context', '## Decision', '## Consequences']) expect(text).toContain(part);
  }
});
