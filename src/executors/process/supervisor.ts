/**
 * The supervisor of one instance of the process executor: a process of its own, which outlives the server. It takes
 * the ticket, runs the command, writes its output line by line with time and stream, and records the exit when the
 * output is complete.
 *
 * Called as: node supervisor.ts FOLDER, with the plan of what to run in FOLDER/plan.json, which it removes at once.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

export interface Plan {
  command: string;
  shell: string;
  cwd: string;
  environment: Record<string, string>;
  ticketFile: string;
  logFile: string;
  exitFile: string;
}

/** Pieces of a longer line are marked as parts, as container runtimes do it. */
const MAX_PIECE_BYTES = 8192;

const folder = process.argv[2]!;
const planFile = join(folder, 'plan.json');
const plan = JSON.parse(readFileSync(planFile, 'utf8')) as Plan;
// It holds secrets.
rmSync(planFile);
writeFileSync(join(folder, 'supervisor', 'supervisor.pid'), String(process.pid));
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
closeSync(openSync(plan.ticketFile, 'wx'));
const log = openSync(plan.logFile, 'a');

const child = spawn(plan.shell, ['-c', '--', plan.command], {
  cwd: plan.cwd,
  env: plan.environment,
  // A process group of its own: signals go to all of it.
  detached: true,
  stdio: ['ignore', 'pipe', 'pipe'],
});
record(child.stdout, 'stdout');
record(child.stderr, 'stderr');
child.on('error', (error) => {
  line('stderr', 'F', Buffer.from(`the command could not be started: ${error.message}`));
  finish(127);
});
child.on('exit', () => {
  // What the command left behind must not hold its output open.
  try {
    process.kill(-child.pid!, 'SIGKILL');
  } catch {
    // Nothing was left.
  }
});
child.on('close', (code, signal) => finish(code ?? 128 + (signal ? constants.signals[signal] : 0)));

function record(stream: Readable, name: 'stdout' | 'stderr'): void {
  let rest: Buffer = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    let data = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    for (let end = data.indexOf(10); end >= 0; end = data.indexOf(10)) {
      line(name, 'F', data.subarray(0, end));
      data = data.subarray(end + 1);
    }
    while (data.length >= MAX_PIECE_BYTES) {
      line(name, 'P', data.subarray(0, MAX_PIECE_BYTES));
      data = data.subarray(MAX_PIECE_BYTES);
    }
    rest = Buffer.from(data);
  });
  stream.on('end', () => {
    if (rest.length > 0) line(name, 'F', rest);
  });
}

function line(stream: string, tag: 'F' | 'P', message: Buffer): void {
  const time = new Date().toISOString().replace('Z', '000000+00:00');
  writeSync(log, Buffer.concat([Buffer.from(`${time} ${stream} ${tag} `), message, Buffer.from('\n')]));
}

function finish(exitCode: number): void {
  const fresh = join(folder, 'exit-new');
  writeFileSync(fresh, String(exitCode));
  renameSync(fresh, plan.exitFile);
  process.exit(0);
}
