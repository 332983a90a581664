/** `errand run SERVICE -- COMMAND`: one job, followed to its end, whose exit code becomes this command's. */
import type { Command } from 'commander';
import type { Job, Log } from '../../api/contract-types.ts';
import type { Client } from '../../client/client.ts';
import { command, examples, type OutputOptions, wantsJson, withOutput } from '../command.ts';
import { parseDuration } from '../durations.ts';
import { EXIT, jobExit, UsageError } from '../exit-codes.ts';
import { followJob } from '../follow.ts';
import { streamOf } from '../log-line.ts';
import { followForReader, print, printJson, say, write } from '../output.ts';
import { lineText } from '../output-lines.ts';
import { connect, findService, ownerId } from '../session.ts';
import { shellCommand } from '../shell-words.ts';
import { tellWhyItWaits } from '../waiting.ts';

interface RunOptions extends OutputOptions {
  plan?: string;
  timeout?: string;
  detach?: boolean;
  raw?: boolean;
}

export function runCommand(): Command {
  return withOutput(command('run', "run a command once against a service's build and configuration"))
    .usage('[options] <service> -- <command...>')
    .argument('<service>', 'name or id')
    .argument('<command...>', 'one word is a shell command; several words are a command and its arguments')
    .option('--plan <plan>', "instance type, by id or name; the service's own otherwise")
    .option('--timeout <time>', 'end the job after this long, such as 90s, 15m or 2h')
    .option('--raw', 'give a terminal every control sequence of the output, not only colours')
    .option('-d, --detach', "print the job's id and leave it running")
    .addHelpText(
      'after',
      `${examples(
        'run web -- bin/migrate',
        "run web -- 'bin/report | gzip > /tmp/r.gz && bin/upload /tmp/r.gz'",
        'run web --plan pro --timeout 2h -- node build/backfill.js --from "last month"',
        'run web --detach -- bin/reindex',
      )}\n
Output goes to standard output and standard error as the job wrote it. Ctrl-C cancels the job and waits for its
end; a second Ctrl-C leaves at once. With --json the job is printed at its end and its output goes to standard error.
A reader that goes away, as with \`| head\`, ends this command and not the job.

Exit codes: the job's own; 128 + n when signal n ended it; 124 it ran out of time; 125 it did not start, was lost, or
was cut short by a stop of the host; 130 it was canceled; 141 nobody reads the output any more; 1 the server refused or
did not answer; 2 wrong arguments. Where the code alone does not tell, the last line on standard error does.`,
    )
    .action(run);
}

async function run(service: string, words: string[], options: RunOptions): Promise<void> {
  const timeoutSeconds = options.timeout === undefined ? undefined : parseDuration(options.timeout);
  if (options.timeout !== undefined && !timeoutSeconds) {
    throw new UsageError(`--timeout must be a time such as 90s, 15m or 2h, got "${options.timeout}"`);
  }
  const client = connect();
  const { id: serviceId } = await findService(client, service);
  const create = (): Promise<Job> =>
    client.call('post-job', {
      params: { serviceId },
      body: {
        startCommand: shellCommand(words),
        ...(options.plan ? { planId: options.plan } : {}),
        ...(timeoutSeconds ? { timeoutSeconds } : {}),
      },
    });
  if (options.detach) {
    const job = await create();
    return wantsJson(options) ? printJson(job) : print(job.id);
  }
  await runToEnd(client, create, options);
}

async function runToEnd(client: Client, create: () => Promise<Job>, options: RunOptions): Promise<void> {
  // The workspace first: after the job's creation nothing should stand between it and its output.
  const owner = await ownerId(client);
  const interrupts = new Interrupts();
  const job = await create();
  followForReader(
    () => `errand: nobody reads the output; ${job.id} goes on (\`errand jobs show ${job.id}\`)`,
  );
  interrupts.cancels(client, job);
  if (process.stderr.isTTY) say(`job ${job.id}`);
  const json = wantsJson(options);
  const text = lineText(options);
  const onLine = (line: Log): Promise<void> => {
    const stream = json || streamOf(line) === 'stderr' ? process.stderr : process.stdout;
    return write(stream, text(line, stream));
  };
  const stopTelling = tellWhyItWaits(client, job);
  const end = await followJob(client, job, { ownerId: owner, onLine }).finally(stopTelling);
  interrupts.stop();
  if (json) await printJson(end);
  const { code, why } = jobExit(end);
  if (why) say(`errand: ${job.id}: ${why}`);
  process.exitCode = code;
}

/** Ctrl-C and SIGTERM: the first cancels the job, the second leaves. */
class Interrupts {
  #count = 0;
  #cancel: (() => void) | undefined;
  readonly #handle = (): void => {
    this.#count += 1;
    if (this.#count > 1) process.exit(EXIT.canceled);
    this.#cancel?.();
  };

  constructor() {
    process.on('SIGINT', this.#handle);
    process.on('SIGTERM', this.#handle);
  }

  /** From now on there is a job to cancel; at once when the signal came before. */
  cancels(client: Client, job: Job): void {
    this.#cancel = () => {
      say(`errand: canceling ${job.id}; press Ctrl-C again to leave it`);
      client
        .call('cancel-job', { params: { serviceId: job.serviceId, jobId: job.id } })
        // A job that ended meanwhile cannot be canceled; its end is about to be seen.
        .catch((error: Error) => say(`errand: ${error.message}`));
    };
    if (this.#count > 0) this.#cancel();
  }

  stop(): void {
    process.off('SIGINT', this.#handle);
    process.off('SIGTERM', this.#handle);
  }
}
