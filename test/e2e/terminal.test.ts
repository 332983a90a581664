/** What reaches a terminal: the command runs in one, which `script` makes and whose bytes it passes on. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startErrand } from '../support/command-line.ts';
import { ADMIN_KEY, TestServer } from '../support/server.ts';

const SCRIPT = join(import.meta.dirname, '../../script/errand');
const SERVICE = 'web';
/** A title, the clipboard, another screen, a query, C1 in UTF-8, a colour, a carriage return, an open title. */
const HOSTILE = String.raw`printf '\033]0;pwned\007\033]52;c;cHduZWQ=\007\033[?1049h\033[6n\302\2332J\033[31mred\033[0m\rR\n'`;
const OPEN = String.raw`printf 'before\033]2;never ended\n'; echo after`;
let server: TestServer;

beforeAll(async () => {
  server = await TestServer.start({ executor: 'process' });
  await server.seedService({}, { name: SERVICE });
});
afterAll(() => server.close());

const environment = (): Record<string, string> => ({
  PATH: process.env['PATH']!,
  HOME: process.env['HOME']!,
  TERM: 'xterm',
  ERRAND_HOST: server.running.url,
  ERRAND_API_KEY: ADMIN_KEY,
});

/** Everything that the command writes to its terminal, which both of its streams go to. */
async function onTerminal(...args: string[]): Promise<string> {
  const line = [SCRIPT, ...args].map((one) => `'${one.replaceAll("'", `'\\''`)}'`).join(' ');
  const { stdout } = await promisify(execFile)('script', ['-qec', line, '/dev/null'], { env: environment() });
  return stdout;
}

describe('on a terminal', () => {
  const DROPPED = ['\u001b]', 'pwned', 'cHduZWQ', '1049', '\u001b[6n', '\u009b', '\u0007'];
  const jobId = async (command: string): Promise<string> => {
    const { stdout } = await startErrand(['run', SERVICE, '-d', '--', command], environment()).ended;
    await server.finished(stdout.trim());
    return stdout.trim();
  };

  test('run shows colours and movement within the line, and nothing else that acts', async () => {
    const screen = await onTerminal('run', SERVICE, '--', `${HOSTILE}; ${HOSTILE} >&2; ${OPEN}`);
    for (const one of DROPPED) expect(screen).not.toContain(one);
    expect(screen.split('\u001b[31mred\u001b[0m\rR\r\n')).toHaveLength(3);
    expect(screen).toContain('before\r\nafter\r\n');
  });

  test('so do logs, of one and of several, and jobs logs', async () => {
    const [first, second] = [await jobId(HOSTILE), await jobId(`${HOSTILE}; ${OPEN}`)];
    for (const args of [
      ['logs', first],
      ['logs', first, '--follow'],
      ['logs', first, second],
      ['jobs', 'logs', first],
    ]) {
      const screen = await onTerminal(...args);
      for (const one of DROPPED) expect(screen).not.toContain(one);
      expect(screen).toContain('\u001b[31mred\u001b[0m');
    }
    // A line cannot write over the name of the job that stands before it.
    expect(await onTerminal('logs', first, second)).not.toContain('\rR');
  });

  test('--raw gives all of it', async () => {
    const screen = await onTerminal('run', '--raw', SERVICE, '--', HOSTILE);
    expect(screen).toContain('\u001b]0;pwned\u0007\u001b]52;c;cHduZWQ=\u0007\u001b[?1049h\u001b[6n\u009b2J');
    expect(await onTerminal('jobs', 'logs', '--raw', await jobId(HOSTILE))).toContain('\u001b]0;pwned');
  });

  test('a colour that output leaves on does not colour what comes after it', async () => {
    const screen = await onTerminal('run', SERVICE, '--', String.raw`printf '\033[41mleft on\n'`);
    expect(screen.slice(screen.indexOf('left on'))).toContain('\u001b[0m');
  });

  test('commands and JSON are shown, not carried out', async () => {
    const id = await jobId(`: '\u001b]0;pwned\u0007\u009d0;pwned\u009c\u202e'`);
    for (const args of [
      ['jobs', 'list', SERVICE],
      ['jobs', 'show', id],
      ['jobs', 'show', id, '--json'],
    ]) {
      const screen = await onTerminal(...args);
      for (const one of ['\u001b]', '\u0007', '\u009d', '\u009c']) expect(screen).not.toContain(one);
    }
  });
});

test('piped output is as the job wrote it', async () => {
  const { stdout } = await startErrand(['run', SERVICE, '--', HOSTILE], environment()).ended;
  expect(stdout).toBe(
    '\u001b]0;pwned\u0007\u001b]52;c;cHduZWQ=\u0007\u001b[?1049h\u001b[6n\u009b2J\u001b[31mred\u001b[0m\rR\n',
  );
});
