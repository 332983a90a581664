/** Finding text in the bytes of a segment must give what looking at every line would. */
import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FileLogStore } from '../../src/logs/file-store.ts';
import type { StoredLine } from '../../src/logs/log-store.ts';
import { compilePattern } from '../../src/logs/pattern.ts';
import { SystemClock } from '../../src/shared/clock.ts';
import { newId } from '../../src/shared/ids.ts';
import { readAll, record } from '../support/log-records.ts';

const PIECES = [
  'risk',
  'RISK',
  'Risky',
  'ris',
  'kin',
  ' ',
  'stdout F ',
  '2026',
  '\u001b[31mrisk\u001b[0m',
  '{"level":"error","a":1}',
  // The letters beyond ASCII that become ASCII letters, or are taken for them, where case does not matter.
  'ris\u212a',
  'ri\u017fk',
  'R\u0130SK',
  'r\u0130',
  '😀é',
  '\r',
  '\0',
];
const BROKEN = [
  Buffer.from([0xff]),
  Buffer.from([0xe2, 0x84]),
  Buffer.from([0xc5]),
  Buffer.from([0xf0, 0x9f]),
];
const PATTERNS = [
  'risk',
  'Risk',
  'k',
  's',
  'i',
  'r*k',
  'ris*kin',
  '/risk/',
  '/risk/i',
  '/ris[kp]in?/i',
  '/ri.k/i',
  'stdout f',
  '2026',
  'continue',
  'é',
  '[31mrisk',
  ' risk',
  'absent from all',
];

const body = fc
  .array(
    fc.oneof(
      fc.constantFrom(...PIECES).map((text) => Buffer.from(text)),
      fc.constantFrom(...BROKEN),
    ),
    {
      maxLength: 6,
    },
  )
  .map((parts) => Buffer.concat(parts));
const long = fc.tuple(body, body).map(([a, b]) => Buffer.concat([a, Buffer.alloc(65_530, 'x'), b]));
const written = fc.array(
  fc.record({
    body: fc.oneof({ weight: 40, arbitrary: body }, { weight: 1, arbitrary: long }),
    stream: fc.constantFrom('stdout', 'stderr'),
    tag: fc.constantFrom('F', 'F', 'F', 'P', 'F:errand'),
    repeats: fc.oneof({ weight: 25, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.constant(4000) }),
    gap: fc.integer({ min: -2, max: 40 }),
  }),
  { minLength: 1, maxLength: 25 },
);

describe('searching text', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'errand-search-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('finds the same lines as looking at each, in running, complete and compressed output, both ways', async () => {
    await fc.assert(
      fc.asyncProperty(
        written,
        fc.array(fc.constantFrom(...PATTERNS), { minLength: 1, maxLength: 2 }),
        fc.boolean(),
        async (records, texts, isTorn) => {
          const store = new FileLogStore(folder, new SystemClock());
          const job = newId('job');
          let second = 0;
          const bytes = records.flatMap(({ body, stream, tag, repeats, gap }) => {
            second = Math.max(0, second + gap);
            const head = Buffer.from(record(second, '', stream, tag).slice(0, -1));
            const one = Buffer.concat([head, body, Buffer.from('\n')]);
            return Array.from({ length: repeats }, () => one);
          });
          const all = Buffer.concat(bytes);
          await appendFile(await store.segmentFile(job, 'output'), isTorn ? all.subarray(0, -2) : all);
          await expectSame(store, job, texts);
          await store.complete(job, 'output');
          await expectSame(store, job, texts);
          await store.maintain({});
          await expectSame(store, job, texts);
          await store.close();
        },
      ),
      { numRuns: 150 },
    );
  }, 120_000);
});

async function expectSame(store: FileLogStore, job: string, texts: string[]): Promise<void> {
  const patterns = texts.map((text) => compilePattern(text, 'within'));
  const keep = (line: StoredLine): boolean => patterns.some((pattern) => pattern.matches(line.message));
  const required = patterns.flatMap((pattern) => pattern.required ?? []);
  for (const direction of ['forward', 'backward'] as const) {
    const query = { resources: [job], direction, limit: 100_000, keep };
    const { lines: slow } = await readAll(store, query);
    const contains = required.length === patterns.length ? required : undefined;
    const { lines: quick } = await readAll(store, { ...query, ...(contains ? { contains } : {}) });
    expect(quick).toEqual(slow);
  }
}
