import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ExitStatus } from '../../src/executors/executor.ts';
import { HostStops, type StoppedWork } from '../../src/executors/host-stop.ts';
import { formatMicros } from '../../src/shared/clock.ts';

/** Seconds since the epoch of the stop that the tests are about. */
const STOP = 1_700_000_000;
const OLD_BOOT = '6c1b0b0e-4b1f-4c8e-9d1e-000000000001';
const BOOT = '6c1b0b0e-4b1f-4c8e-9d1e-000000000002';

let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'errand-host-stop-'));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

const at = (seconds: number): string => formatMicros(Math.round((STOP + seconds) * 1e6));
const exited = (exitCode: number, seconds: number, oomKilled = false): ExitStatus => ({
  exitCode,
  oomKilled,
  finishedAt: at(seconds),
});
/** Work of the boot that ended, begun a minute before its stop. */
const work = (exit?: ExitStatus, more: Partial<StoppedWork> = {}): StoppedWork => ({
  bootId: OLD_BOOT,
  startedAt: at(-60),
  exit,
  ...more,
});
const writeStop = (text = `${OLD_BOOT} ${STOP}.250000000\n`): void =>
  writeFileSync(join(dataDir, 'host-stop'), text);
const open = (systemctl?: string): HostStops => new HostStops({ dataDir, bootId: BOOT, systemctl });
/** Stands for the host's systemctl. */
function systemctl(script: string): string {
  const file = join(dataDir, 'systemctl');
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  return file;
}
/** Its answers of a host that runs, and of one that goes down. */
const RUNNING = 'echo ActiveState=inactive';
const STOPPING = 'echo Job=1877; echo ActiveState=inactive';

describe('a recorded stop of the host', () => {
  test.each<[string, StoppedWork]>([
    ['was signalled with it', work(exited(143, 0.3))],
    ['was signalled a moment before the line was written', work(exited(143, -2))],
    ['was killed after its grace', work(exited(137, 90))],
    ['ended well after it, for a program may take the signal as a request', work(exited(0, 1))],
    ['left no record of its end', work()],
    ['was started while all were being signalled', work(exited(143, 2), { startedAt: at(1) })],
    ['kept no boot, by its times', work(exited(143, 0.3), { bootId: undefined })],
  ])('cut short what %s', async (_, what) => {
    writeStop();
    expect(await open().recorded(what)).toEqual({ what: 'the host was stopped', at: at(0.25) });
  });

  test.each<[string, StoppedWork]>([
    ['ended before it', work(exited(7, -0.1))],
    ['ended well before it', work(exited(0, -0.1))],
    ['was signalled long before it', work(exited(143, -6))],
    ['began after it', work(exited(143, 60), { startedAt: at(30) })],
    ['began after it and left no record', work(undefined, { startedAt: at(30) })],
    ['ran in another boot', work(exited(143, 0.3), { bootId: BOOT })],
    ['needed too much memory', work(exited(137, 0.3, true))],
  ])('has no part in what %s', async (_, what) => {
    writeStop();
    expect(await open().recorded(what)).toBeUndefined();
  });

  test.each([
    ['is not there', undefined],
    ['is empty, as a loss of power leaves it', ''],
    ['is no text', '\0\0\0\0'],
    ['has no time', `${OLD_BOOT}\n`],
    ['has no such time', `${OLD_BOOT} yesterday\n`],
    ['names no boot', ` ${STOP}.250000000\n`],
  ])('proves nothing when its file %s', async (_, text) => {
    if (text !== undefined) writeStop(text);
    expect(await open().recorded(work(exited(143, 0.3)))).toBeUndefined();
  });

  test('may have whole seconds, where the host counts no others', async () => {
    writeStop(`${OLD_BOOT} ${STOP}\n`);
    expect(await open().recorded(work(exited(143, 0.3)))).toMatchObject({ at: at(0) });
  });

  test('stays known when the next stop replaces its line', async () => {
    writeStop();
    const stops = open();
    stops.record(at(600));
    expect(readFileSync(join(dataDir, 'host-stop'), 'utf8')).toBe(`${BOOT} ${STOP + 600}.000000000\n`);
    expect(await stops.recorded(work(exited(143, 0.3)))).toBeDefined();
  });
});

describe('a stop in the present boot', () => {
  const now = (exitCode: number): StoppedWork => ({
    bootId: BOOT,
    startedAt: at(-60),
    exit: { exitCode, oomKilled: false, finishedAt: formatMicros(Date.now() * 1000) },
  });

  test('is one of the scope while the host goes on', async () => {
    writeStop(`${BOOT} ${STOP}.250000000\n`);
    const found = await open(systemctl(RUNNING)).recorded(work(exited(143, 0.3), { bootId: BOOT }));
    expect(found?.what).toBe('systemd was told to stop the scope that holds all jobs');
  });

  test('is one of the host while the host goes down', async () => {
    writeStop(`${BOOT} ${STOP}.250000000\n`);
    const found = await open(systemctl(STOPPING)).recorded(work(exited(143, 0.3), { bootId: BOOT }));
    expect(found?.what).toBe('the host was stopped');
  });

  test('is recorded by whoever sees a program end by its signal, for whatever is judged later', async () => {
    const seen = now(143);
    expect(await open(systemctl(STOPPING)).witnessed(seen)).toEqual({
      what: 'the host was stopped',
      at: seen.exit!.finishedAt,
    });
    expect(await open().recorded(now(0))).toBeDefined();
  });

  test('is found in a line that is written only just after the signal', async () => {
    const line = `${BOOT} ${(Date.now() / 1000).toFixed(3)}`;
    const writesLate = systemctl(`(sleep 0.1; echo '${line}' > ${dataDir}/host-stop) & ${RUNNING}`);
    expect((await open(writesLate).witnessed(now(143)))?.what).toContain('the scope');
  });

  test.each<[string, StoppedWork]>([
    ['ended by itself', now(7)],
    ['was signalled long ago', work(exited(143, 0), { bootId: BOOT })],
    ['needed too much memory', { ...now(137), exit: { ...now(137).exit!, oomKilled: true } }],
  ])('is not looked for in what %s', async (_, what) => {
    expect(await open(systemctl(STOPPING)).witnessed(what)).toBeUndefined();
    expect(await open().recorded(now(0))).toBeUndefined();
  });

  test.each([
    ['runs', RUNNING],
    ['says nothing', ''],
    ['cannot be asked', 'echo "Failed to connect to bus" >&2; exit 1'],
  ])('is not assumed of a host that %s', async (_, script) => {
    const stops = open(systemctl(script));
    expect(await stops.witnessed(now(143))).toBeUndefined();
    expect(stops.isKnownToStop).toBe(false);
  });

  test.each([
    ['is wanted', STOPPING],
    ['is reached', 'echo ActiveState=active'],
  ])('is seen when the end of everything %s', async (_, script) => {
    const stops = open(systemctl(script));
    expect(await stops.isStopping()).toBe(true);
    expect(stops.isKnownToStop).toBe(true);
  });

  test('is not assumed where systemctl does not answer', async () => {
    const silent = { dataDir, bootId: BOOT, systemctl: systemctl('exec sleep 60'), answerWithinMs: 200 };
    expect(await new HostStops(silent).isStopping()).toBe(false);
  });
});

test('exits of one stop are one line, and those of later stops further ones', () => {
  const stops = open();
  for (const seconds of [0, 1, 4.5, 600, 601]) stops.record(at(seconds));
  expect(readFileSync(join(dataDir, 'host-stop'), 'utf8').split('\n')).toEqual([
    `${BOOT} ${STOP}.000000000`,
    `${BOOT} ${STOP + 600}.000000000`,
    '',
  ]);
});
