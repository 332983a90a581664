/** Runs `bare-fastify.ts` as a process on a copy of a database of Errand's. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import type { BenchServer, Job } from '../server.ts';
import type { Template } from './bare-fastify.ts';

export class BareServer {
  readonly url: string;
  readonly #process: ChildProcess;

  private constructor(url: string, process: ChildProcess) {
    this.url = url;
    this.#process = process;
  }

  /** @param service of which two jobs are created here, to learn what rows a create adds */
  static async start(folder: string, server: BenchServer, service: string): Promise<BareServer> {
    mkdirSync(folder, { recursive: true });
    const template = await learnTemplate(server, service);
    const templateFile = join(folder, 'template.json');
    writeFileSync(templateFile, JSON.stringify(template));
    const copy = join(folder, 'copy.db');
    const source = new DatabaseSync(join(server.dataDir, 'errand.db'), { readOnly: true });
    source.prepare('VACUUM INTO ?').run(copy);
    source.close();
    const child = spawn(
      process.execPath,
      [
        '--disable-warning=ExperimentalWarning',
        join(import.meta.dirname, 'bare-fastify.ts'),
        copy,
        templateFile,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const url = await new Promise<string>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`the bare server ended with ${code}`)));
      createInterface({ input: child.stdout }).on('line', (line) => {
        const found = /^listens on (\S+)/.exec(line)?.[1];
        if (found) resolve(found);
      });
    });
    return new BareServer(url, child);
  }

  get pid(): number {
    return this.#process.pid!;
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill();
    await ended;
  }
}

/** Creates a job and looks what is new in the database. A first one makes what later ones share. */
async function learnTemplate(server: BenchServer, service: string): Promise<Template> {
  await server.create(service, 'true');
  const database = new DatabaseSync(join(server.dataDir, 'errand.db'), { readOnly: true });
  try {
    const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
    const lasts = tables.map(({ name }) => ({
      table: String(name),
      last: Number(database.prepare(`SELECT max(rowid) AS last FROM ${name}`).get()?.['last'] ?? 0),
    }));
    const answer: Job = await server.create(service, 'true');
    const rows = lasts.flatMap(({ table, last }) =>
      database
        .prepare(`SELECT * FROM ${table} WHERE rowid > ?`)
        .all(last)
        .map((values) => ({ table, values: values as Record<string, SQLInputValue> })),
    );
    // A row may refer to the job: it comes first.
    rows.sort((a, b) => Number(b.table === 'jobs') - Number(a.table === 'jobs'));
    return { answer, rows };
  } finally {
    database.close();
  }
}
