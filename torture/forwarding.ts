/**
 * Output that is forwarded to a real rsyslog over TLS, which is stopped and started again and again: every line of every
 * job arrives, and those of one job in their order. A line may come twice: the protocol has no acknowledgement, so what
 * was under way at a stop is sent again, and told by its `sequence`.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { SyslogReceiver } from '../test/support/syslog-receiver.ts';
import { Findings } from './batches.ts';
import type { ShownJob } from './jobs.ts';
import { Random } from './random.ts';
import { ServerProcess } from './server-process.ts';
import { ROOM } from './storm.ts';
import { until } from './supervisors.ts';
import type { Violations } from './verdict.ts';

const JOBS = 10;
const BURSTS = 20;
/** The bursts of a job are spread over this, and the stops of the receiver with them. */
const SPREAD_SECONDS = 20;
const LONGEST_ABSENCE_MS = 1500;
const ARRIVES_WITHIN_MS = 180_000;

export interface ForwardingCounts {
  sent: number;
  arrived: number;
  repeated: number;
  stops: number;
}

export async function forwardOverStops(options: {
  lines: number;
  stops: number;
  seed: number;
}): Promise<{ counts: ForwardingCounts; violations: Violations }> {
  const random = new Random(options.seed);
  const findings = new Findings();
  const receiver = await SyslogReceiver.create();
  await receiver.start();
  const server = await ServerProcess.make('local', [...ROOM, '--log-stream-ca', receiver.caFile]);
  try {
    const serviceId = await server.seed();
    await server.start();
    const stream = `/logs/streams/owner/${await server.workspaceId()}`;
    await server.insist('PUT', stream, { endpoint: receiver.endpoint, preview: 'send' });
    const perBurst = Math.ceil(options.lines / JOBS / BURSTS);
    const perJob = perBurst * BURSTS;
    const startCommand =
      `for b in $(seq 1 ${BURSTS}); do seq -f 'line %.0f' $(((b-1)*${perBurst}+1)) $((b*${perBurst}));` +
      ` sleep ${SPREAD_SECONDS / BURSTS}; done`;
    const jobs: string[] = [];
    for (let count = 0; count < JOBS; count += 1) {
      const { body } = await server.insist<ShownJob>('POST', `/services/${serviceId}/jobs`, { startCommand });
      jobs.push(body.id);
    }
    for (let stop = 0; stop < options.stops; stop += 1) {
      await delay(random.between(0, (2 * SPREAD_SECONDS * 1000) / options.stops - LONGEST_ABSENCE_MS / 2));
      await receiver.stop();
      await delay(random.between(0, LONGEST_ABSENCE_MS));
      await receiver.start();
    }
    for (const id of jobs) await until(server, id, ({ finishedAt }) => finishedAt !== undefined, 120_000);
    await allSent(server, stream);
    const counts: ForwardingCounts = { sent: JOBS * perJob, arrived: 0, repeated: 0, stops: options.stops };
    const lines = receiver.lines();
    for (const id of jobs) {
      const seen = new Set<string>();
      const first: string[] = [];
      for (const line of lines) {
        if (line.appName !== id) continue;
        if (seen.has(line.data['sequence']!)) counts.repeated += 1;
        else first.push(line.message);
        seen.add(line.data['sequence']!);
      }
      counts.arrived += first.length;
      const wrong = Array.from({ length: perJob }, (_, n) => n).find((n) => first[n] !== `line ${n + 1}`);
      if (wrong !== undefined)
        findings.note('lines', `${id}: "${first[wrong]}" in place of line ${wrong + 1}`);
      if (first.length > perJob) findings.note('lines', `${id}: ${first.length} of ${perJob}`);
    }
    return { counts, violations: findings.violations };
  } finally {
    await server.remove();
    await receiver.close();
  }
}

/** Resolves when nothing waits to be sent any more. */
async function allSent(server: ServerProcess, stream: string): Promise<void> {
  const deadline = performance.now() + ARRIVES_WITHIN_MS;
  for (;;) {
    const { body } = await server.insist<{ status?: { lagSeconds: number } }>('GET', stream);
    if (body.status?.lagSeconds === 0) return;
    if (performance.now() > deadline) throw new Error(`not all was sent in time: ${JSON.stringify(body)}`);
    await delay(100);
  }
}
