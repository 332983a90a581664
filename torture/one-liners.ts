/**
 * Jobs that print one line and exit at once: each line is stored once, and a subscriber that was there before the job
 * ran gets it once, and then a normal close.
 */
import { WebSocket } from 'ws';
import { Findings } from './batches.ts';
import type { ShownJob } from './jobs.ts';
import { outputOf } from './output.ts';
import { KEY, ServerProcess } from './server-process.ts';
import { until } from './supervisors.ts';
import type { Violations } from './verdict.ts';

/** Jobs that wait behind one that holds all the room, while their subscriber connects. */
const BATCH = 50;
const CLOSES_WITHIN_MS = 120_000;
const NORMAL_CLOSE = 1000;

export interface OneLinerCounts {
  jobs: number;
  stored: number;
  subscribed: number;
}

export async function printOneLine(options: {
  count: number;
}): Promise<{ counts: OneLinerCounts; violations: Violations }> {
  const findings = new Findings();
  const counts: OneLinerCounts = { jobs: 0, stored: 0, subscribed: 0 };
  const server = await ServerProcess.make('local', [
    '--max-jobs',
    '4',
    '--max-memory',
    '64GB',
    '--max-cpu',
    '64',
  ]);
  try {
    const serviceId = await server.seed({ maxShutdownDelaySeconds: 1 });
    await server.start();
    const path = `/services/${serviceId}/jobs`;
    const create = async (startCommand: string): Promise<string> =>
      (await server.insist<ShownJob>('POST', path, { startCommand })).body.id;
    while (counts.jobs < options.count) {
      const blockers = await Promise.all(Array.from({ length: 4 }, () => create('sleep 1000')));
      for (const id of blockers) await until(server, id, ({ status }) => status === 'running');
      const texts = new Map<string, string>();
      const size = Math.min(BATCH, options.count - counts.jobs);
      for (let index = 0; index < size; index += 1) {
        const text = `only line of job ${counts.jobs + index}`;
        texts.set(await create(`echo "${text}"`), text);
      }
      const { closed } = await subscribe(server, [...texts.keys()]);
      for (const id of blockers) await server.insist('POST', `${path}/${id}/cancel`);
      const { code, messages } = await closed;
      if (code !== NORMAL_CLOSE) findings.note('close', `${code} instead of ${NORMAL_CLOSE}`);
      for (const [id, text] of texts) {
        const got = messages.filter(({ resource }) => resource === id).map(({ message }) => message);
        if (got.join('\n') === text) counts.subscribed += 1;
        else findings.note('subscribed', `${id}: ${JSON.stringify(got)}`);
        const stored: string[] = [];
        for await (const message of outputOf(server, id)) stored.push(message);
        if (stored.join('\n') === text) counts.stored += 1;
        else findings.note('stored', `${id}: ${JSON.stringify(stored)}`);
      }
      counts.jobs += size;
    }
  } finally {
    await server.remove();
  }
  return { counts, violations: findings.violations };
}

interface Line {
  message: string;
  labels: { name: string; value: string }[];
}

interface Received {
  code: number;
  messages: { resource: string; message: string }[];
}

/** Resolves when it is open. @returns what it received, once it is closed */
async function subscribe(server: ServerProcess, jobIds: string[]): Promise<{ closed: Promise<Received> }> {
  const search = new URLSearchParams({ ownerId: await server.workspaceId(), resource: jobIds.join(',') });
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/logs/subscribe?${search}`, {
    headers: { authorization: `Bearer ${KEY}` },
  });
  const messages: Received['messages'] = [];
  socket.on('message', (data) => {
    const { message, labels } = JSON.parse(String(data)) as Line;
    messages.push({ message, resource: labels.find(({ name }) => name === 'resource')!.value });
  });
  const closed = new Promise<Received>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error('a subscription was not closed in time')),
      CLOSES_WITHIN_MS,
    );
    socket.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, messages });
    });
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  return { closed };
}
