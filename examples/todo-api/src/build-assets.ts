/**
 * Copies assets/ to public/ under names that carry a hash of the content, so that browsers may keep them for ever,
 * and writes the page that refers to those names. `npm run build` runs it after the compiler.
 */
import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { parse } from 'node:path';

const from = new URL('../assets/', import.meta.url);
const to = new URL('../public/', import.meta.url);

await rm(to, { recursive: true, force: true });
await mkdir(to, { recursive: true });
const manifest: Record<string, string> = {};
for (const name of (await readdir(from)).sort()) {
  if (name.endsWith('.html')) continue;
  const hash = createHash('sha256')
    .update(await readFile(new URL(name, from)))
    .digest('hex');
  const { name: stem, ext } = parse(name);
  const served = `${stem}.${hash.slice(0, 12)}${ext}`;
  await cp(new URL(name, from), new URL(served, to));
  manifest[name] = served;
}
let page = await readFile(new URL('index.html', from), 'utf8');
for (const [name, served] of Object.entries(manifest)) page = page.replaceAll(`{{${name}}}`, `/${served}`);
await writeFile(new URL('index.html', to), page);
await writeFile(new URL('manifest.json', to), `${JSON.stringify(manifest, null, 2)}\n`);
console.log(`${Object.keys(manifest).length} assets built`);
