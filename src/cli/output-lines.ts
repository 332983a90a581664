/** Lines of output of jobs and builds, as they are printed: as they were written, but to a terminal, see there. */
import type { Log } from '../api/contract-types.ts';
import { originOf } from './log-line.ts';
import { noteColours, takeBackColours } from './output.ts';
import { TerminalText } from './terminal-text.ts';

/** How the API marks the pieces of a line that is too long for one. */
const CONTINUES_MARK = ' [line continues]';
const CONTINUED_MARK = '[line continued] ';

export interface LineOptions {
  /** Whether a terminal gets everything, too. */
  raw?: boolean | undefined;
  /** What stands before each line; output may not write over it. */
  prefix?: ((line: Log) => string) | undefined;
}

/** Makes what gives a line with its end, for a stream. */
export function lineText({ raw, prefix }: LineOptions): (line: Log, stream: NodeJS.WriteStream) => string {
  const filters = new Map<string, TerminalText>();
  return (line, stream) => {
    const before = prefix?.(line) ?? '';
    if (raw || !stream.isTTY) return `${before}${line.message}\n`;
    const origin = originOf(line);
    let filter = filters.get(origin);
    if (!filter) {
      filter = new TerminalText({ movement: prefix === undefined });
      filters.set(origin, filter);
    }
    const shown = shownMessage(filter, line.message);
    if (filter.isColoured) noteColours();
    if (prefix === undefined) return `${shown}\n`;
    // What stands before the next line is not of this one's colour.
    filter.isColoured = false;
    return `${before}${shown}${takeBackColours()}\n`;
  };
}

/** A sequence may lie on the border of two pieces; at the end of a whole line it is over. */
function shownMessage(filter: TerminalText, message: string): string {
  const isContinued = message.startsWith(CONTINUED_MARK);
  const continues = message.endsWith(CONTINUES_MARK);
  const start = isContinued ? CONTINUED_MARK.length : 0;
  const body = message.slice(start, continues ? -CONTINUES_MARK.length : undefined);
  if (!isContinued) filter.endLine();
  const shown = filter.push(body);
  if (!continues) filter.endLine();
  return `${isContinued ? CONTINUED_MARK : ''}${shown}${continues ? CONTINUES_MARK : ''}`;
}
