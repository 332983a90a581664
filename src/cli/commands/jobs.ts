/** `errand jobs`: list, show, logs, cancel. */
import type { Command } from 'commander';
import type { Job, JobStatus, Log } from '../../api/contract-types.ts';
import { command, examples, type OutputOptions, wantsJson, withOutput } from '../command.ts';
import { UsageError } from '../exit-codes.ts';
import { followJob, isFinal, readLines } from '../follow.ts';
import { streamOf } from '../log-line.ts';
import { print, printJson, write, writeJson } from '../output.ts';
import { lineText } from '../output-lines.ts';
import { jobFields, jobTable } from '../presentation.ts';
import { connect, findService, jobId, ownerId } from '../session.ts';

const STATUSES: readonly JobStatus[] = ['pending', 'running', 'succeeded', 'failed', 'canceled'];
/** The most that one request gives. */
const PAGE = 100;

export function jobsCommand(): Command {
  return command('jobs', 'look at jobs and cancel them')
    .addCommand(
      withOutput(command('list', 'the jobs of a service, newest first'))
        .argument('<service>', 'name or id')
        .option('--status <list>', `only these, separated by commas: ${STATUSES.join(', ')}`)
        .option('--limit <n>', 'how many at most', '20')
        .addHelpText('after', examples('jobs list web', 'jobs list web --status failed,running --limit 200'))
        .action(list),
    )
    .addCommand(
      withOutput(command('show', 'one job: status, times, exit code, cost'))
        .argument('<job>', 'id')
        .addHelpText('after', examples('jobs show job-c3rfdgg6n88pa7t3a6ag'))
        .action(show),
    )
    .addCommand(
      withOutput(command('logs', "a job's output"))
        .argument('<job>', 'id')
        .option('-f, --follow', 'go on until the job is over')
        .option('--raw', 'give a terminal every control sequence of the output, not only colours')
        .addHelpText(
          'after',
          `${examples('jobs logs job-c3rfdgg6n88pa7t3a6ag --follow')}\n
With --json, one JSON object per line.`,
        )
        .action(logs),
    )
    .addCommand(
      withOutput(command('cancel', 'end a job: SIGTERM, then SIGKILL after the grace of its service'))
        .argument('<job>', 'id')
        .addHelpText('after', examples('jobs cancel job-c3rfdgg6n88pa7t3a6ag'))
        .action(cancel),
    );
}

async function list(
  service: string,
  options: OutputOptions & { status?: string; limit: string },
): Promise<void> {
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 1) {
    throw new UsageError(`--limit must be a whole number from 1 on, got "${options.limit}"`);
  }
  const status = options.status?.split(',').map((one) => {
    const known = STATUSES.find((each) => each === one.trim());
    if (!known) throw new UsageError(`--status must be of ${STATUSES.join(', ')}, got "${one}"`);
    return known;
  });
  const client = connect();
  const { id: serviceId } = await findService(client, service);
  const jobs: Job[] = [];
  for (let cursor: string | undefined; jobs.length < limit; ) {
    const query = { limit: Math.min(PAGE, limit - jobs.length), status, cursor };
    const page = await client.call('list-job', { params: { serviceId }, query });
    jobs.push(...page.map(({ job }) => job));
    cursor = page.at(-1)?.cursor;
    if (page.length < query.limit || cursor === undefined) break;
  }
  if (wantsJson(options)) return printJson(jobs);
  return print(jobs.length === 0 ? 'no jobs' : jobTable(jobs, Date.now()));
}

async function show(id: string, options: OutputOptions): Promise<void> {
  const job = await connect().call('job-by-id', { params: { jobId: jobId(id) } });
  return wantsJson(options) ? printJson(job) : print(jobFields(job, Date.now()));
}

async function logs(id: string, options: OutputOptions & { follow?: boolean; raw?: boolean }): Promise<void> {
  const client = connect();
  const job = await client.call('job-by-id', { params: { jobId: jobId(id) } });
  const text = lineText(options);
  const onLine = (line: Log): Promise<void> => {
    if (wantsJson(options)) return writeJson(process.stdout, JSON.stringify(line));
    const stream = process[streamOf(line)];
    return write(stream, text(line, stream));
  };
  const following = { ownerId: await ownerId(client), onLine };
  if (options.follow && !isFinal(job)) await followJob(client, job, following);
  else await readLines(client, { resource: job.id, from: job.createdAt }, following);
}

async function cancel(id: string, options: OutputOptions): Promise<void> {
  const client = connect();
  const { serviceId } = await client.call('job-by-id', { params: { jobId: jobId(id) } });
  const job = await client.call('cancel-job', { params: { serviceId, jobId: id } });
  return wantsJson(options)
    ? printJson(job)
    : print(`${job.id} ${job.status === 'canceled' ? 'is' : 'is being'} canceled`);
}
