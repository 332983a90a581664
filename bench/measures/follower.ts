/** How late a follower sees lines of a job that prints many. */
import WebSocket from 'ws';
import { atMost, type Bench, type Measure, type Section } from '../measure.ts';
import { BenchServer } from '../server.ts';
import { figure, median, percentile } from '../statistics.ts';
import { PRO } from './workloads.ts';

const LINES_PER_SECOND = 50_000;

export const follower: Measure = { name: 'follower', run };

async function run(bench: Bench): Promise<Section> {
  const seconds = bench.quick ? 2 : 5;
  let service = '';
  const server = await BenchServer.start(`${bench.folder}/follower`, async (database, self) => {
    service = await self.addService(database);
  });
  const rounds: { p50: number; p99: number; most: number; perSecond: number; missing: number }[] = [];
  try {
    for (let round = 0; round < Math.min(bench.rounds, 5); round += 1) {
      const { lags, perSecond, printed } = await follow(server, service, seconds);
      rounds.push({
        p50: percentile(lags, 0.5),
        p99: percentile(lags, 0.99),
        most: Math.max(...lags.slice(-1000), percentile(lags, 1)),
        perSecond,
        missing: printed - lags.length,
      });
      const last = rounds.at(-1)!;
      bench.say(
        `follower: round ${round + 1}: p50 ${figure(last.p50)} ms, p99 ${figure(last.p99)} ms, ${figure(perSecond)} lines/s, ${last.missing} missing`,
      );
    }
  } finally {
    await server.close();
  }
  const of = (field: keyof (typeof rounds)[number]): number => median(rounds.map((one) => one[field]));
  return {
    title: `A follower of ${LINES_PER_SECOND.toLocaleString('en-US')} lines per second`,
    targets: [
      atMost('a follower at 50,000 lines per second: p99 from printed to seen', 100, of('p99'), ' ms'),
    ],
    tables: [
      {
        columns: ['rounds', 'lines printed per second', 'p50, ms', 'p99, ms', 'latest, ms', 'lines missing'],
        rows: [
          [
            String(rounds.length),
            figure(of('perSecond')),
            figure(of('p50')),
            figure(of('p99')),
            figure(of('most')),
            String(rounds.reduce((sum, { missing }) => sum + missing, 0)),
          ],
        ],
      },
    ],
    notes: [
      `${seconds} s per round. The job writes into each line when it printed it; the follower, over the live WebSocket in another process on the same cores, compares that with its own clock at the line’s arrival.`,
    ],
  };
}

async function follow(
  server: BenchServer,
  service: string,
  seconds: number,
): Promise<{ lags: number[]; perSecond: number; printed: number }> {
  const printed = LINES_PER_SECOND * seconds;
  const owner = await server.workspaceId();
  const { id } = await server.create(service, `perl -e '${program(printed)}'`, { planId: PRO.planId });
  const socket = new WebSocket(
    `${server.url.replace('http', 'ws')}/v1/logs/subscribe?ownerId=${owner}&resource=${id}`,
    { headers: server.headers, perMessageDeflate: false },
  );
  const frames: Buffer[] = [];
  const times: number[] = [];
  socket.on('message', (data) => {
    frames.push(data as Buffer);
    times.push(performance.timeOrigin + performance.now());
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('close', () => resolve());
    socket.once('error', reject);
  });
  await server.finished(id);
  const printedAt = frames.map((frame) => {
    const { message } = JSON.parse(frame.toString('utf8')) as { message: string };
    return Number(message.split(' ', 1)[0]) * 1000;
  });
  const lags = printedAt.map((time, index) => times[index]! - time);
  return { lags, perSecond: (lags.length * 1000) / (printedAt.at(-1)! - printedAt[0]!), printed };
}

/** Prints the lines that are due, each with its time, every millisecond; the follower has a second to come. */
function program(lines: number): string {
  return `use Time::HiRes qw(time sleep); sleep 1; my ($begin, $n) = (time, 0);
    while ($n < ${lines}) {
      my $due = int((time - $begin) * ${LINES_PER_SECOND}); $due = ${lines} if $due > ${lines};
      my $text = "";
      for (; $n < $due; $n++) { $text .= sprintf("%.6f line %d of a job that prints a great deal of output\\n", time, $n); }
      syswrite(STDOUT, $text) if length $text;
      sleep 0.001;
    }`.replaceAll(/\s+/g, ' ');
}
