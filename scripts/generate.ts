/** Writes the files that are derived from others; `--check` only compares and fails when one is stale. */
import { readFileSync, writeFileSync } from 'node:fs';
import { extendContract } from '../src/api/extensions.ts';
import { authorisationPage } from './authorisation-table.ts';
import { contractTypes } from './contract-types.ts';
import { lifecyclePage } from './lifecycle-diagram.ts';
import { operationPaths } from './operation-paths.ts';

const root = new URL('../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');

/** Each generated file with the function that makes it. */
const generated: Record<string, () => string> = {
  'src/api/contract-types.ts': () => contractTypes(extendContract(JSON.parse(read('openapi.json')))),
  'docs/authorisation.md': authorisationPage,
  'docs/lifecycle.md': lifecyclePage,
  'src/client/operations.ts': () => operationPaths(extendContract(JSON.parse(read('openapi.json')))),
};

const stale: string[] = [];
for (const [path, make] of Object.entries(generated)) {
  const wanted = make();
  let present = '';
  try {
    present = read(path);
  } catch {
    // Missing counts as stale.
  }
  if (present === wanted) continue;
  stale.push(path);
  if (!process.argv.includes('--check')) writeFileSync(new URL(path, root), wanted);
}
if (process.argv.includes('--check') && stale.length > 0) {
  console.error(`stale: ${stale.join(', ')}. Run: npm run generate`);
  process.exitCode = 1;
} else {
  for (const path of stale) console.log(`wrote ${path}`);
}
