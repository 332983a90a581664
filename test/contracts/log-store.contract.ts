/** What every log store must do, run against each of them. Records are written as a supervisor writes them. */
import { appendFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LogQuery, LogStore } from '../../src/logs/log-store.ts';
import { newId } from '../../src/shared/ids.ts';
import { ALL, at, readAll, record } from '../support/log-records.ts';
import { describeFollowing } from './log-following.contract.ts';

export interface StoreUnderTest {
  /** Opens the store; a second call opens the same data anew, as after a restart. */
  open(): Promise<LogStore>;
  remove(): Promise<void>;
}

export function describeLogStore(name: string, create: () => Promise<StoreUnderTest>): void {
  describe(`log store: ${name}`, () => {
    let under: StoreUnderTest;
    let store: LogStore;
    let job: string;

    beforeEach(async () => {
      under = await create();
      store = await under.open();
      job = newId('job');
    });
    afterEach(async () => {
      await store.close();
      await under.remove();
    });

    describeFollowing({
      store: () => store,
      job: () => job,
      write: (...args) => write(...args),
    });

    const write = async (text: string | Buffer, resource = job, segment = 'output') =>
      appendFile(await store.segmentFile(resource, segment), text);
    const messages = async (query: Partial<LogQuery> = {}) =>
      (await readAll(store, { resources: [job], ...query })).lines.map((line) => line.message);

    describe('reading a range', () => {
      it('finds nothing for a job that has no output yet', async () => {
        const page = await store.query({ resources: [job], ...ALL, direction: 'backward', limit: 10 });
        expect(page).toEqual({
          lines: [],
          hasMore: false,
          nextStartTime: '1970-01-01T00:00:00.000000000Z',
          nextEndTime: '2999-01-01T00:00:00.000000000Z',
        });
        expect(await store.lastTimestamp(job, 'output')).toBeUndefined();
      });

      it('gives each line with its stream, time and number', async () => {
        await write(record('1.5', 'one') + record(2, 'two', 'stderr'));
        expect((await readAll(store, { resources: [job] })).lines).toEqual([
          {
            resource: job,
            segment: 'output',
            sequence: 0,
            timestamp: at(1, 500_000_000),
            stream: 'stdout',
            message: 'one',
          },
          {
            resource: job,
            segment: 'output',
            sequence: 1,
            timestamp: at(2),
            stream: 'stderr',
            message: 'two',
          },
        ]);
      });

      it('includes both ends of the range and nothing outside it', async () => {
        for (let second = 0; second < 10; second++) await write(record(second, `line ${second}`));
        const range = { startTime: at(3), endTime: at(5) };
        expect(await messages(range)).toEqual(['line 3', 'line 4', 'line 5']);
        expect(await messages({ ...range, direction: 'backward' })).toEqual(['line 5', 'line 4', 'line 3']);
        expect(await messages({ startTime: at(5), endTime: at(3) })).toEqual([]);
        expect(await messages({ startTime: at(3, 1), endTime: at(4) })).toEqual(['line 4']);
      });

      it('reads the end of a log without reading it all into one page', async () => {
        for (let second = 0; second < 50; second++) await write(record(second, `line ${second}`));
        const page = await store.query({ resources: [job], ...ALL, direction: 'backward', limit: 3 });
        expect(page.lines.map((line) => line.message)).toEqual(['line 49', 'line 48', 'line 47']);
        expect(page.hasMore).toBe(true);
        expect(page.nextStartTime).toBe('1970-01-01T00:00:00.000000000Z');
        expect(page.nextEndTime).toBe(at(46, 999_999_999));
      });

      it.each(['forward', 'backward'] as const)(
        'yields every line exactly once over pages, %s, also where times are equal or go back',
        async (direction) => {
          const other = newId('job');
          const expected: string[] = [];
          for (let n = 0; n < 2000; n++) {
            // Runs of equal times, equal times in both resources, and a clock that jumps back once.
            const second = Math.floor(n / 37) - (n > 1000 ? 20 : 0);
            const resource = n % 3 === 0 ? other : job;
            await write(record(second, `line ${n}`), resource);
            expected.push(`line ${n}`);
          }
          for (const limit of [1, 7, 100, 5000]) {
            const { lines, pages } = await readAll(store, { resources: [job, other], direction, limit });
            expect(new Set(lines.map((line) => line.message)).size).toBe(2000);
            expect(lines).toHaveLength(2000);
            for (const page of pages.slice(0, -1)) expect(page.lines.length).toBeGreaterThanOrEqual(limit);
            const times = lines.map((line) => line.timestamp);
            expect(times).toEqual(direction === 'forward' ? times.toSorted() : times.toSorted().reverse());
            for (const resource of [job, other]) {
              const own = lines.filter((line) => line.resource === resource).map((line) => line.sequence);
              if (direction === 'backward') own.reverse();
              expect(own).toEqual(own.map((_, index) => index));
            }
          }
        },
        60_000,
      );

      it('gives the same times and numbers however a line is reached', async () => {
        let text = '';
        for (let n = 0; n < 30_000; n++) text += record(Math.floor(n / 5000), `line ${n} ${'x'.repeat(60)}`);
        await write(text);
        const { lines } = await readAll(store, { resources: [job], limit: 1000 });
        expect(lines).toHaveLength(30_000);
        const backward = await readAll(store, { resources: [job], limit: 1000, direction: 'backward' });
        expect(backward.lines.reverse()).toEqual(lines);
        for (const index of [0, 4999, 5000, 12_345, 29_999]) {
          const { timestamp } = lines[index]!;
          const single = await readAll(store, { resources: [job], startTime: timestamp, endTime: timestamp });
          expect(single.lines).toEqual([lines[index]]);
        }
      });

      it('counts only the lines that the query keeps', async () => {
        for (let n = 0; n < 100; n++) await write(record(n, n % 10 === 0 ? `tenth ${n}` : `line ${n}`));
        const page = await store.query({
          resources: [job],
          ...ALL,
          direction: 'forward',
          limit: 4,
          keep: (line) => line.message.startsWith('tenth'),
        });
        expect(page.lines.map((line) => line.message)).toEqual([
          'tenth 0',
          'tenth 10',
          'tenth 20',
          'tenth 30',
        ]);
        expect(page.hasMore).toBe(true);
      });
    });

    it('finds a text that was cut between two parts, among chunks that do not have it', async () => {
      const filler = Array.from({ length: 20_000 }, (_, n) => record(1, `line ${n}`)).join('');
      const cut = record(1, 'a nee', 'stdout', 'P') + record(1, 'on the other', 'stderr') + record(1, 'dle');
      await write(filler + cut + filler + record(1, 'another Needle') + filler);
      for (const direction of ['forward', 'backward'] as const) {
        const { lines } = await readAll(store, {
          resources: [job],
          direction,
          contains: ['needle'],
          keep: (line) => line.message.toLowerCase().includes('needle'),
        });
        const found = lines.map((line) => [line.sequence, line.message]);
        if (direction === 'backward') found.reverse();
        expect(found).toEqual([
          [20_001, 'a needle'],
          [40_002, 'another Needle'],
        ]);
      }
    });

    describe('joining and splitting', () => {
      it('joins the parts of a line, while the other stream goes on in between', async () => {
        await write(
          record(1, 'out-1 ', 'stdout', 'P') +
            record(2, 'err-1 ', 'stderr', 'P') +
            record(3, 'out-2 ', 'stdout', 'P') +
            record(4, 'err-2', 'stderr') +
            record(5, 'out-3'),
        );
        expect(await messages()).toEqual(['err-1 err-2', 'out-1 out-2 out-3']);
      });

      it('joins characters that were cut between two parts', async () => {
        const bytes = Buffer.from('naïve ☃ 🎉');
        for (let cut = 1; cut < bytes.length; cut++) {
          const line = Buffer.concat([
            Buffer.from(record(cut, '', 'stdout', 'P').slice(0, -1)),
            bytes.subarray(0, cut),
            Buffer.from('\n'),
            Buffer.from(record(cut, '').slice(0, -1)),
            bytes.subarray(cut),
            Buffer.from('\n'),
          ]);
          await write(line);
        }
        const all = await messages();
        expect(new Set(all)).toEqual(new Set(['naïve ☃ 🎉']));
        expect(all).toHaveLength(bytes.length - 1);
      });

      it('shows an unended line once nothing can follow, and counts its time before', async () => {
        await write(record(1, 'whole') + record(2, 'no line break', 'stdout', 'P'));
        expect(await messages()).toEqual(['whole']);
        expect(await store.lastTimestamp(job, 'output')).toBe(at(2));
        await store.complete(job, 'output');
        expect(await messages()).toEqual(['whole', 'no line break']);
        expect(await messages({ direction: 'backward' })).toEqual(['no line break', 'whole']);
        expect(await store.lastTimestamp(job, 'output')).toBe(at(2));
      });

      it('splits a line of more than 64 KiB into marked pieces that hold all of it', async () => {
        const long = '0123456789abcdef'.repeat(20_000);
        let text = '';
        for (let from = 0; from < long.length; from += 8000) {
          const last = from + 8000 >= long.length;
          text += record(1, long.slice(from, from + 8000), 'stdout', last ? 'F' : 'P');
        }
        await write(text + record(2, 'after'));
        const lines = await messages();
        expect(lines.at(-1)).toBe('after');
        const pieces = lines.slice(0, -1);
        expect(pieces.length).toBe(Math.ceil(long.length / 65_536));
        expect(pieces.slice(0, -1).every((piece) => piece.endsWith(' [line continues]'))).toBe(true);
        expect(pieces.slice(1).every((piece) => piece.startsWith('[line continued] '))).toBe(true);
        const joined = pieces.map((piece) =>
          piece.replace(/^\[line continued\] /, '').replace(/ \[line continues\]$/, ''),
        );
        expect(joined.join('')).toBe(long);
      });

      it('reads a record that is longer than any buffer, from both ends', async () => {
        const long = 'y'.repeat(3_000_000);
        await write(record(1, 'before') + record(2, long) + record(3, 'after'));
        const forward = await readAll(store, { resources: [job] });
        const backward = await readAll(store, { resources: [job], direction: 'backward', limit: 5 });
        expect(backward.lines.reverse()).toEqual(forward.lines);
        const letters = forward.lines.map((line) => line.message.replaceAll(/[^y]|\[.*?\]/g, '')).join('');
        expect(letters).toHaveLength(long.length);
        expect(forward.lines.at(-1)?.message).toBe('after');
      });

      it('keeps NUL and colours, replaces what is not UTF-8, and drops the carriage return of a line end', async () => {
        await write(record(1, 'a\0b') + record(2, '\u001b[31mred\u001b[0m') + record(3, '10%\r20%\r100%\r'));
        await write(
          Buffer.concat([Buffer.from(record(4, 'x').slice(0, -1)), Buffer.from([0xff, 0xfe, 0x0a])]),
        );
        expect(await messages()).toEqual([
          'a\0b',
          '\u001b[31mred\u001b[0m',
          '10%\r20%\r100%',
          'x\ufffd\ufffd',
        ]);
      });

      it('keeps empty lines, also where the supervisor left out the space before them', async () => {
        await write(record(1, '') + record(2, '').replace(' \n', '\n') + record(3, 'end'));
        expect(await messages()).toEqual(['', '', 'end']);
      });
    });

    describe('writers', () => {
      it('numbers the lines of one segment in the order of its file, whoever wrote them', async () => {
        await store.append(job, 'output', 'stdout', 'from the server');
        await write(record(1, 'from the program'));
        await store.append(job, 'output', 'stderr', 'two\nlines');
        const { lines } = await readAll(store, { resources: [job] });
        expect(lines.map((line) => [line.sequence, line.stream, line.message])).toEqual([
          [0, 'stdout', 'from the server'],
          [1, 'stdout', 'from the program'],
          [2, 'stderr', 'two'],
          [3, 'stderr', 'lines'],
        ]);
      });

      it("never joins the server's lines to a part that the program left open", async () => {
        await write(record(1, 'Continue? ', 'stdout', 'P'));
        await store.append(job, 'output', 'stdout', 'a message of the server');
        await write(record(3, 'yes'));
        expect(await messages()).toEqual(['a message of the server', 'Continue? yes']);
      });

      it('keeps all lines of appends that run at once, each writer in order', async () => {
        const appends: Promise<void>[] = [];
        for (let n = 0; n < 200; n++) appends.push(store.append(job, 'output', 'stdout', `server ${n}`));
        for (let n = 0; n < 200; n++) await write(record(n, `program ${n}`));
        await Promise.all(appends);
        const all = await messages();
        const expected = (who: string) => Array.from({ length: 200 }, (_, n) => `${who} ${n}`);
        expect(all.filter((line) => line.startsWith('server'))).toEqual(expected('server'));
        expect(all.filter((line) => line.startsWith('program'))).toEqual(expected('program'));
        expect(all).toHaveLength(400);
      });

      it('merges the segments of a resource by time', async () => {
        const service = newId('srv');
        const [first, second] = [newId('dep'), newId('dep')];
        await write(record(1, 'a') + record(4, 'd'), service, first);
        await write(record(2, 'b') + record(3, 'c'), service, second);
        const { lines } = await readAll(store, { resources: [service] });
        expect(lines.map((line) => [line.message, line.segment])).toEqual([
          ['a', first],
          ['b', second],
          ['c', second],
          ['d', first],
        ]);
      });
    });

    describe('opening again', () => {
      it('gives the same lines after a restart, also of a segment in the middle of its life', async () => {
        for (let n = 0; n < 50; n++) await write(record(1, `line ${n}`));
        const before = await readAll(store, { resources: [job] });
        await store.close();
        store = await under.open();
        await write(record(1, 'later'));
        const after = await readAll(store, { resources: [job] });
        expect(after.lines.slice(0, -1)).toEqual(before.lines);
        expect(after.lines.at(-1)).toMatchObject({ message: 'later', sequence: 50 });
      });

      it('recovers what there is of a torn last record and goes on behind it', async () => {
        await write(record(1, 'whole') + record(2, 'torn in the middle').slice(0, -7));
        expect(await messages()).toEqual(['whole']);
        await store.close();
        store = await under.open();
        await store.append(job, 'output', 'stdout', 'after the restart');
        expect(await messages()).toEqual(['whole', 'torn in the ', 'after the restart']);
      });

      it('drops a record that was torn before its message began', async () => {
        for (const length of [1, 20, 34, 36, 41]) {
          const torn = newId('job');
          await write(record(1, 'whole') + record(2, 'lost').slice(0, length), torn);
          await store.complete(torn, 'output');
          const { lines } = await readAll(store, { resources: [torn] });
          expect(lines.map((line) => line.message)).toEqual(['whole']);
        }
      });

      it('shows the torn last record of a completed segment', async () => {
        await write(record(1, 'whole') + record(2, 'torn').slice(0, -1));
        await store.complete(job, 'output');
        expect(await messages()).toEqual(['whole', 'torn']);
        expect(await messages({ direction: 'backward', limit: 1 })).toEqual(['torn', 'whole']);
        expect(await store.lastTimestamp(job, 'output')).toBe(at(2));
      });
    });

    it('refuses names that are no ids, so that no request becomes a path', async () => {
      await expect(store.segmentFile('../../etc', 'output')).rejects.toThrow('not the id');
      await expect(store.segmentFile(job, '../output')).rejects.toThrow('not the name');
    });
  });
}
