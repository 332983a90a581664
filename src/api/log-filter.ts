/** From the query parameters of a log request to a test for lines, and from lines to what the API shows. */
import { invalid, quote } from '../errors.ts';
import { formatInstant, parseInstant } from '../logs/instant.ts';
import { levelOf } from '../logs/level.ts';
import type { StoredLine } from '../logs/log-store.ts';
import { compilePattern, type Pattern, PatternError } from '../logs/pattern.ts';
import type { LogResource } from '../services/log-resources.ts';
import { formatMicros, parseMicros } from '../shared/clock.ts';
import type { Log, LogLabel } from './contract-types.ts';
import { readInstant } from './time.ts';

/** Labels of lines. Requests are not logged by Errand, so their labels (host, path ...) never have a value. */
const LABEL_FILTERS = [
  'instance',
  'host',
  'statusCode',
  'method',
  'task',
  'taskRun',
  'sandbox',
  'level',
  'type',
  'path',
] as const;
type LabelName = (typeof LABEL_FILTERS)[number];

/** The filters of a request, as the contract names them. */
export type FilterQuery = Partial<Record<LabelName | 'text', string[]>>;

const HOUR_MICROS = 3_600_000_000;

/** The range of a request: the last hour before its end, which is now, unless given. Both ends belong to it. */
export function readRange(
  query: { startTime?: string; endTime?: string },
  now: string,
): { startTime: string; endTime: string } {
  const endTime = readLogInstant('query parameter endTime', query.endTime) ?? now;
  const startTime =
    readLogInstant('query parameter startTime', query.startTime) ??
    formatMicros(parseMicros(endTime) - HOUR_MICROS);
  return { startTime, endTime };
}

/** Lines have nanoseconds, so the times that lead from page to page do too. */
export function readLogInstant(name: string, text: string | undefined): string | undefined {
  const exact = text === undefined ? undefined : parseInstant(text.replace(/ (\d\d:?\d\d)$/, '+$1'));
  return exact ? formatInstant(exact) : readInstant(name, text);
}

/** A label's value on a line; undefined when lines of that kind do not have it. */
export function labelOf(name: LabelName, line: StoredLine): string | undefined {
  switch (name) {
    case 'level':
      return levelOf(line.message, line.stream);
    case 'type':
      return typeOf(line);
    case 'instance':
      return instanceOf(line);
    default:
      return undefined;
  }
}

const typeOf = (line: StoredLine): string => (line.resource.startsWith('job-') ? 'app' : 'build');

/** A job is one instance; a service's lines come from the instance that built a deploy. */
const instanceOf = (line: StoredLine): string =>
  line.resource.startsWith('job-') ? line.resource : line.segment;

export interface LineFilter {
  keep(line: StoredLine): boolean;
  /** Lines that are kept contain one of these; undefined when that cannot be said. */
  contains: string[] | undefined;
}

/**
 * The test for lines that the filters ask for: each parameter given must match, by one of its values.
 * @throws `invalidRequest` for a pattern that cannot be used
 */
export function readFilter(query: FilterQuery): LineFilter | undefined {
  const tests: ((line: StoredLine) => boolean)[] = [];
  for (const name of LABEL_FILTERS) {
    const patterns = readPatterns(name, query[name], 'whole');
    if (!patterns) continue;
    tests.push((line) => {
      const value = labelOf(name, line);
      return value !== undefined && patterns.some((pattern) => pattern.matches(value));
    });
  }
  const texts = readPatterns('text', query.text, 'within');
  if (texts) tests.push((line) => texts.some((pattern) => pattern.matches(line.message)));
  if (tests.length === 0) return undefined;
  const required = texts?.map((pattern) => pattern.required);
  return {
    keep: (line) => tests.every((test) => test(line)),
    contains: required?.every((text) => text !== undefined) ? (required as string[]) : undefined,
  };
}

function readPatterns(
  name: string,
  patterns: string[] | undefined,
  mode: 'within' | 'whole',
): Pattern[] | undefined {
  if (!patterns || patterns.length === 0) return undefined;
  return patterns.map((pattern) => {
    try {
      return compilePattern(pattern, mode);
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      throw invalid(`query parameter ${name}: ${error.message}, got ${quote(pattern)}`);
    }
  });
}

/** The same for a line whenever and however it is read. */
const lineId = ({ resource, segment, sequence }: StoredLine): string => `${resource}.${segment}.${sequence}`;

/** A line as the API shows it. @param resources those that were asked for, by id */
export function presentLine(line: StoredLine, resources: ReadonlyMap<string, LogResource>): Log {
  return {
    id: lineId(line),
    message: line.message,
    timestamp: line.timestamp,
    ...originOf(line, resources),
  };
}

/** What lines of one origin and level share. */
function originOf(line: StoredLine, resources: ReadonlyMap<string, LogResource>) {
  const labels: LogLabel[] = [
    { name: 'resource', value: line.resource },
    { name: 'instance', value: instanceOf(line) },
    { name: 'level', value: levelOf(line.message, line.stream) },
    { name: 'type', value: typeOf(line) },
  ];
  const service = resources.get(line.resource)?.serviceId;
  return { labels, stream: line.stream, ...(service ? { service } : {}) };
}

/** Lines of one origin differ in little: the rest of their JSON is made once. */
const originTexts = new WeakMap<ReadonlyMap<string, LogResource>, Map<string, string>>();

/** The JSON of `presentLine`, several times faster: floods of lines go through here. */
export function lineToJson(line: StoredLine, resources: ReadonlyMap<string, LogResource>): string {
  let texts = originTexts.get(resources);
  if (!texts) {
    texts = new Map();
    originTexts.set(resources, texts);
  }
  const key = `${line.resource}.${line.segment}.${line.stream}.${levelOf(line.message, line.stream)}`;
  let origin = texts.get(key);
  if (origin === undefined) {
    origin = JSON.stringify(originOf(line, resources)).slice(1);
    texts.set(key, origin);
  }
  const { timestamp } = line;
  return `{"id":"${lineId(line)}","message":${JSON.stringify(line.message)},"timestamp":"${timestamp}",${origin}`;
}
