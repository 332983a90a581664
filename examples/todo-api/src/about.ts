/** What this build is: its version, its commit, and the assets that it serves. Needs no database. */
import { readFile } from 'node:fs/promises';

const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'));
const manifest: Record<string, string> = JSON.parse(
  await readFile(new URL('../public/manifest.json', import.meta.url), 'utf8'),
);
const commit = process.env.RENDER_GIT_COMMIT?.slice(0, 12) ?? 'unknown';
console.log(`todo-api ${version}, commit ${commit}, Node ${process.version}`);
for (const [name, served] of Object.entries(manifest)) console.log(`  ${name} is served as ${served}`);
