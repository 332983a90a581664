/** What every log store must do for those who follow it; a part of its suite. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FollowRequest, LogStore, StoredLine } from '../../src/logs/log-store.ts';
import { newId } from '../../src/shared/ids.ts';
import { record } from '../support/log-records.ts';

/** The store of the test that runs, an id of a job in it, and a supervisor's pen. */
export interface Given {
  store(): LogStore;
  job(): string;
  write(text: string, resource?: string, segment?: string): Promise<void>;
}

export function describeFollowing(given: Given): void {
  describe('following', () => {
    const EPOCH = { seconds: 0, nanos: 0 };
    let over: AbortController;
    beforeEach(() => {
      over = new AbortController();
    });
    afterEach(() => over.abort());

    /** Collects messages until there are `count`, or the follower ends. */
    async function take(count: number, request: Partial<FollowRequest> = {}): Promise<StoredLine[]> {
      const lines: StoredLine[] = [];
      const wanted = { resources: [given.job()], startOf: () => EPOCH, signal: over.signal, ...request };
      for await (const batch of given.store().follow(wanted)) {
        lines.push(...batch);
        if (lines.length >= count) break;
      }
      return lines;
    }
    const messagesOf = (lines: StoredLine[]) => lines.map((line) => line.message);
    const numbered = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, index) => `line ${from + index}`);

    it('follows from before the first line', async () => {
      const following = take(3);
      await given.write(record(1, 'line 0') + record(1, 'line 1'));
      await given.write(record(2, 'line 2'));
      expect(messagesOf(await following)).toEqual(numbered(0, 3));
    });

    it('gives what is stored and what comes with no gap and no repeat at the seam', async () => {
      let written = 0;
      const next = () => given.write(record(written, `line ${written++}`));
      for (let n = 0; n < 500; n++) await next();
      const following = take(1500);
      for (let n = 0; n < 1000; n++) await next();
      const lines = await following;
      expect(messagesOf(lines)).toEqual(numbered(0, 1500));
      expect(lines.map((line) => line.sequence)).toEqual(lines.map((_, index) => index));
    });

    it('begins at a time in the middle', async () => {
      for (let n = 0; n < 20; n++) await given.write(record(n, `line ${n}`));
      const seconds = Date.UTC(2026, 0, 1) / 1000 + 15;
      expect(messagesOf(await take(5, { startOf: () => ({ seconds, nanos: 0 }) }))).toEqual(numbered(15, 20));
    });

    it('goes on after a line, cut off at any place', async () => {
      for (let n = 0; n < 3000; n++) await given.write(record(1, `line ${n}`));
      const got: string[] = [];
      let after: Map<string, number> | undefined;
      while (got.length < 3000) {
        const cut = Math.min(1 + ((got.length * 7919) % 450), 3000 - got.length);
        for (const line of (await take(cut, { after })).slice(0, cut)) {
          got.push(line.message);
          after = new Map([[`${given.job()}.output`, line.sequence]]);
        }
      }
      expect(got).toEqual(numbered(0, 3000));
    });

    it('merges what is stored of several resources by time', async () => {
      const other = newId('job');
      for (let n = 0; n < 100; n++) await given.write(record(n, `line ${n}`), n % 2 ? other : given.job());
      expect(messagesOf(await take(100, { resources: [given.job(), other] }))).toEqual(numbered(0, 100));
    });

    it('notices a segment that begins while it follows', async () => {
      const service = newId('srv');
      const [first, second] = [newId('dep'), newId('dep')];
      await given.write(record(1, 'line 0'), service, first);
      const following = take(2, { resources: [service] });
      await given.write(record(2, 'line 1'), service, second);
      expect(messagesOf(await following)).toEqual(numbered(0, 2));
    });

    it('ends when its resources are final and everything was given, the unended last line too', async () => {
      let end = () => {};
      // It may end before the follower asks.
      const final = new Promise<void>((resolve) => (end = resolve));
      const following = take(Number.POSITIVE_INFINITY, { untilFinal: () => final });
      await given.write(record(1, 'line 0') + record(2, 'no line break', 'stdout', 'P'));
      await given.store().complete(given.job(), 'output');
      end();
      expect(messagesOf(await following)).toEqual(['line 0', 'no line break']);
    });

    it('ends by its signal while it waits', async () => {
      const following = take(1);
      over.abort();
      expect(await following).toEqual([]);
    });

    it('serves every follower at its own pace', async () => {
      const slow = given
        .store()
        .follow({ resources: [given.job()], startOf: () => EPOCH, signal: over.signal });
      const reader = slow[Symbol.asyncIterator]();
      await given.write(record(1, 'line 0'));
      const got = messagesOf((await reader.next()).value ?? []);
      const fast = take(2000);
      for (let n = 1; n < 2000; n++) await given.write(record(n, `line ${n}`));
      expect(messagesOf(await fast)).toEqual(numbered(0, 2000));
      while (got.length < 2000) got.push(...messagesOf((await reader.next()).value ?? []));
      expect(got).toEqual(numbered(0, 2000));
      await reader.return?.();
    });
  });
}
