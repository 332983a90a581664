/** What a line of output tells beside its message. */
import type { Log } from '../api/contract-types.ts';

/** The stream that a line was written to. */
export function streamOf(line: Log): 'stdout' | 'stderr' {
  const stream = line.stream ?? labelOf(line, 'stream');
  if (stream !== undefined) return stream === 'stderr' ? 'stderr' : 'stdout';
  return labelOf(line, 'level') === 'error' ? 'stderr' : 'stdout';
}

/** The id of the job or service that a line is of; empty where it is not told. */
export const resourceOf = (line: Log): string => labelOf(line, 'resource') ?? '';

/** Equal for lines of one writer: the pieces of a long line follow each other there. */
export const originOf = (line: Log): string =>
  [resourceOf(line), labelOf(line, 'instance'), streamOf(line)].join(' ');

/** Older servers have among the labels what others have beside them, so the name may be one of neither list. */
function labelOf(line: Log, name: string): string | undefined {
  return line.labels.find((one) => (one.name as string) === name)?.value;
}
