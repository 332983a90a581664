/**
 * Writes to a database as fast as it can, many writes at once as a busy server has them, and says of each, once it is
 * acknowledged, that it was. Ended by SIGKILL. Called as: node database-writer.ts FILE RUN
 */
import { openDatabase } from '../src/db/open.ts';

const WRITERS = 64;
const [file, run] = process.argv.slice(2) as [string, string];
const database = await openDatabase(file);
let next = 0;

async function write(): Promise<void> {
  for (;;) {
    const name = `${run}-${next++}`;
    await database.write((trx) =>
      trx
        .insertInto('settings')
        .values({ name, value: 'x'.repeat(200) })
        .execute(),
    );
    // Directly to the descriptor: a word that was given is not lost with this process.
    process.stdout.write(`${name}\n`);
  }
}

process.stdout.write('ready\n');
await Promise.all(Array.from({ length: WRITERS }, write));
