/** What the command line prints: answers to standard output, as text or JSON; everything else to standard error. */
import { fstatSync } from 'node:fs';
import { stripVTControlCharacters, styleText } from 'node:util';
import { EXIT } from './exit-codes.ts';
import { whenUnread } from './pipe-reader.ts';
import { cleanLines, escapeC1, RESET_COLOURS } from './terminal-text.ts';

export type Format = 'text' | 'json';

type Colour = 'bold' | 'dim' | 'green' | 'red' | 'yellow' | 'cyan';

/** Streams whose reader went away, such as `head` when it has enough. */
const unread = new Set<NodeJS.WriteStream>();
/** What to say, and the code to exit with, when nobody reads standard output any more. */
let leaving: { code: number; last?: () => string } = { code: EXIT.ok };

/** A reader that goes away ends the command: what it would go on to do is of no use to anybody. */
export function watchReaders(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      unread.add(stream);
      if (stream === process.stdout || isOneFile()) leave();
      // Whoever waits for the reader waits no longer.
      stream.emit('drain');
    });
  }
}

/**
 * From now on the end of what this command follows is its exit code: without a reader it exits with that of a program
 * that SIGPIPE ends, at once, also while there is nothing to print.
 * @param last what is left to say to the person
 */
export function followForReader(last?: () => string): void {
  leaving = { code: EXIT.unread, ...(last ? { last } : {}) };
  whenUnread(leave);
}

function leave(): never {
  if (leaving.last && !isOneFile()) say(leaving.last());
  process.exit(leaving.code);
}

/** Whether both streams go to one reader, as with `2>&1`. */
function isOneFile(): boolean {
  const [out, err] = [fstatSync(1), fstatSync(2)];
  return out.ino === err.ino && out.dev === err.dev;
}

/** Writes and waits while the reader is slow, so that following a flood does not fill memory. */
export async function write(stream: NodeJS.WriteStream, text: string): Promise<void> {
  if (unread.has(stream) || stream.write(text)) return;
  await new Promise((resolve) => stream.once('drain', resolve));
}

/** One answer on standard output. */
export function printJson(value: unknown): Promise<void> {
  return writeJson(process.stdout, JSON.stringify(value, null, 2));
}

/** JSON and the end of its line. To a terminal, what it would act upon is written as an escape of JSON. */
export function writeJson(stream: NodeJS.WriteStream, json: string): Promise<void> {
  return write(stream, `${stream.isTTY ? escapeC1(json) : json}\n`);
}

/** One line of an answer on standard output. */
export function print(line = ''): Promise<void> {
  return write(process.stdout, `${forPerson(process.stdout, line)}\n`);
}

/** One line for the person, on standard error. */
export function say(line: string): void {
  if (!unread.has(process.stderr)) process.stderr.write(`${forPerson(process.stderr, line)}\n`);
}

/** Whether output coloured a terminal and did not take it back. */
let isColoured = false;
let takesBackAtExit = false;

/** Output may colour the lines that follow it, but not what comes after it: neither our words nor the shell's. */
export function noteColours(): void {
  isColoured = true;
  if (takesBackAtExit) return;
  takesBackAtExit = true;
  process.once('exit', () => {
    const terminal = [process.stdout, process.stderr].find((stream) => stream.isTTY);
    terminal?.write(takeBackColours());
  });
}

/** The sequence that takes back what output left; empty where there is nothing. */
export function takeBackColours(): string {
  if (!isColoured) return '';
  isColoured = false;
  return RESET_COLOURS;
}

const forPerson = (stream: NodeJS.WriteStream, text: string): string =>
  stream.isTTY ? `${takeBackColours()}${cleanLines(text)}` : text;

/** Colours a text where the stream is a terminal that wants colours (NO_COLOR and FORCE_COLOR are honoured). */
export function paint(colour: Colour, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return styleText(colour, text, { stream });
}

/** Statuses in the colours people know. */
export function paintStatus(status: string): string {
  switch (status) {
    case 'succeeded':
    case 'live':
      return paint('green', status);
    case 'failed':
    case 'build_failed':
    case 'update_failed':
      return paint('red', status);
    case 'canceled':
    case 'suspended':
      return paint('yellow', status);
    case 'running':
    case 'build_in_progress':
      return paint('cyan', status);
    default:
      return status;
  }
}

const GAP = '  ';

/**
 * Rows under a head, in columns as wide as their widest cell.
 * @param rows cells may hold colours; other control characters must have been taken out by `cell`
 */
export function table(head: string[], rows: string[][]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => width(row[column] ?? ''))));
  const line = (row: string[]): string =>
    row
      .map((text, column) => text + ' '.repeat(Math.max(0, widths[column]! - width(text))))
      .join(GAP)
      .trimEnd();
  return [paint('bold', line(head)), ...rows.map(line)].join('\n');
}

/** Names and values under each other; values that are not set are left out. */
export function fields(pairs: [name: string, value: string | undefined][]): string {
  const set = pairs.filter((pair): pair is [string, string] => pair[1] !== undefined && pair[1] !== '');
  const widest = Math.max(0, ...set.map(([name]) => name.length));
  return set.map(([name, value]) => `${paint('dim', name.padEnd(widest))}${GAP}${value}`).join('\n');
}

/**
 * A text from outside as one cell: control characters and those that turn the direction of writing are shown, not
 * carried out, and it is shortened to `most` columns.
 */
export function cell(text: string, most = 60): string {
  const shown = stripVTControlCharacters(text)
    .replaceAll('\n', '\\n')
    .replaceAll('\t', '\\t')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not reach the terminal
    .replaceAll(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, '\ufffd');
  const characters = [...shown];
  return characters.length > most ? `${characters.slice(0, most - 1).join('')}…` : shown;
}

/** Characters that take two columns in a terminal. */
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
const NO_WIDTH = /\p{Mark}|\p{Format}/u;

/** Columns that a text takes in a terminal. */
export function width(text: string): number {
  let columns = 0;
  for (const character of stripVTControlCharacters(text)) {
    columns += NO_WIDTH.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
  }
  return columns;
}
