import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { serveCommand } from '../../src/cli/commands/serve.ts';

test('every setting that the configuration reads is an option of `errand serve`, and the other way round', () => {
  const config = readFileSync(join(import.meta.dirname, '../../src/config.ts'), 'utf8');
  const body = /export interface ServeFlags \{([^}]*)\}/.exec(config)![1]!;
  const flags = [...body.matchAll(/^ {2}(\w+)\?:/gm)].map(([, name]) => name);
  const options = serveCommand().options.map((option) => option.attributeName());
  expect(flags.length).toBeGreaterThan(9);
  expect(options.sort()).toEqual(flags.sort());
});
