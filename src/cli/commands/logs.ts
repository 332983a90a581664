/** `errand logs`: output of jobs and services, a range of it or live. */
import { type Command, Option } from 'commander';
import type { Job, Log } from '../../api/contract-types.ts';
import type { Answer, Client } from '../../client/client.ts';
import { isId } from '../../shared/ids.ts';
import { command, examples, gather, type OutputOptions, wantsJson, withOutput } from '../command.ts';
import { parseMoment } from '../durations.ts';
import { UsageError } from '../exit-codes.ts';
import { isFinal } from '../follow.ts';
import { followLines, type LineHandler } from '../live-lines.ts';
import { resourceOf } from '../log-line.ts';
import { paint, write, writeJson } from '../output.ts';
import { lineText } from '../output-lines.ts';
import { readLimit } from '../pages.ts';
import { connect, findService, ownerId } from '../session.ts';

/** The most that one request gives. */
const PAGE = 100;
/** Before any output. */
const BEGINNING = '1970-01-01T00:00:00Z';

interface LogsOptions extends OutputOptions {
  follow?: boolean;
  since?: string;
  until?: string;
  text?: string[];
  level?: string[];
  limit?: string;
  raw?: boolean;
}

export function logsCommand(): Command {
  return withOutput(command('logs', 'output of jobs and services: a range of it, or live'))
    .argument('<resource...>', 'ids of jobs, ids or names of services')
    .option('-f, --follow', 'go on as lines come; ends with the last of the jobs, never for a service')
    .option('--since <time>', 'from then on: 2026-01-31T00:00:00Z, or an age such as 10m')
    .addOption(new Option('--until <time>', 'up to then, in the same forms').conflicts('follow'))
    .option('--text <text>', 'lines with this in them, *, or /regular expression/; may be repeated', gather)
    .option('--level <level>', `lines of this level, such as error or warn*; may be repeated`, gather)
    .option('--raw', 'give a terminal every control sequence of the output, not only colours')
    .addOption(new Option('--limit <n>', 'the newest so many of them').conflicts('follow'))
    .addHelpText(
      'after',
      `${examples(
        'logs job-c3rfdgg6n88pa7t3a6ag',
        'logs web --since 2h --text "/timed? out/" --limit 20',
        'logs job-c3rfdgg6n88pa7t3a6ag job-c3rfdgg6n88pa7t3a6b0 --follow --output json',
      )}\n
Lines come oldest first, whichever stream they were written to; with several resources each begins with its resource.
With --json, one JSON object per line. Without --since: all output when only jobs that are over are named, else the last
hour; with --follow jobs from their first line and services from now. A connection that breaks, as when the server
restarts, is made again without a gap or a repeat.`,
    )
    .action(logs);
}

async function logs(names: string[], options: LogsOptions): Promise<void> {
  const limit = options.limit === undefined ? undefined : readLimit(options.limit);
  const since = readMoment('--since', options.since);
  const until = readMoment('--until', options.until);
  const client = connect();
  const resources = await Promise.all(names.map((name) => findResource(client, name)));
  const filter = {
    ownerId: await ownerId(client),
    resource: [...new Set(resources.map(({ id }) => id))],
    ...(options.text ? { text: options.text } : {}),
    ...(options.level ? { level: options.level } : {}),
  };
  const onLine = printer(options, filter.resource.length > 1);
  if (options.follow) {
    return followLines(client, { ...filter, ...(since ? { startTime: since } : {}) }, { onLine });
  }
  const start = since ?? (resources.every((one) => one.job && isFinal(one.job)) ? BEGINNING : undefined);
  const range = { ...filter, ...(start ? { startTime: start } : {}), ...(until ? { endTime: until } : {}) };
  return limit === undefined ? readAll(client, range, onLine) : readNewest(client, range, limit, onLine);
}

function readMoment(option: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const moment = parseMoment(text, Date.now());
  if (moment) return moment;
  throw new UsageError(
    `${option} must be a time such as 2026-01-31T00:00:00Z, or an age such as 10m, got "${text}"`,
  );
}

/** @throws ApiError or CommandError when there is none, or several services have the name */
async function findResource(client: Client, nameOrId: string): Promise<{ id: string; job?: Job }> {
  if (!isId(nameOrId, 'job')) return findService(client, nameOrId);
  return { id: nameOrId, job: await client.call('job-by-id', { params: { jobId: nameOrId } }) };
}

function printer(options: LogsOptions, isNamed: boolean): LineHandler {
  const { stdout } = process;
  if (wantsJson(options)) return (line) => writeJson(stdout, JSON.stringify(line));
  const prefix = (line: Log): string => `${paint('dim', resourceOf(line))} `;
  const text = lineText({ raw: options.raw, prefix: isNamed ? prefix : undefined });
  return (line) => write(stdout, text(line, stdout));
}

interface Range {
  ownerId: string;
  resource: string[];
  startTime?: string;
  endTime?: string;
}

type Page = Answer<'list-logs'>;

/** Each page leads to the next by the range that it leaves, whose other end the first one has fixed. */
async function* pages(client: Client, range: Range, direction: 'forward' | 'backward'): AsyncGenerator<Page> {
  for (let left = range; ; ) {
    const page = await client.call('list-logs', { query: { ...left, direction, limit: PAGE } });
    yield page;
    if (!page.hasMore) return;
    left = { ...left, startTime: page.nextStartTime, endTime: page.nextEndTime };
  }
}

async function readAll(client: Client, range: Range, onLine: LineHandler): Promise<void> {
  for await (const page of pages(client, range, 'forward')) {
    for (const line of page.logs) await onLine(line);
  }
}

async function readNewest(client: Client, range: Range, limit: number, onLine: LineHandler): Promise<void> {
  const newestFirst: Log[] = [];
  for await (const page of pages(client, range, 'backward')) {
    newestFirst.push(...page.logs);
    if (newestFirst.length >= limit) break;
  }
  for (const line of newestFirst.slice(0, limit).reverse()) await onLine(line);
}
