/** One short command at a time: how long until its first line, and until it is final. */
import { setTimeout as delay } from 'node:timers/promises';
import { atLeast, atMost, type Bench, type Measure, type Section } from '../measure.ts';
import { EQUAL_KINDS, HAND_NAMES } from '../peers/peers.ts';
import { BenchServer } from '../server.ts';
import { figure, median, pairedRatio, summarise } from '../statistics.ts';
import { emptyTree, STARTER } from './workloads.ts';

const COMMAND = 'echo hi';
const PAUSE_MS = 30;

interface Side {
  name: string;
  perRound: number;
  run(): Promise<{ finalMs: number; firstLineMs?: number }>;
  finals: number[];
  firstLines: number[];
  /** The median of each round. */
  rounds: number[];
}

export const startToEnd: Measure = { name: 'start-to-end', run };

async function run(bench: Bench): Promise<Section> {
  let service = '';
  const server = await BenchServer.start(`${bench.folder}/start-to-end`, async (database, self) => {
    service = await self.addService(database);
  });
  try {
    const sides = await everySide(bench, server, service);
    for (const side of sides) await side.run();
    for (let round = 0; round < bench.rounds; round += 1) {
      const already = sides.map(({ finals }) => finals.length);
      for (let turn = 0; turn < Math.max(...sides.map(({ perRound }) => perRound)); turn += 1) {
        for (const side of sides) {
          if (turn >= side.perRound) continue;
          const { finalMs, firstLineMs } = await side.run();
          side.finals.push(finalMs);
          if (firstLineMs !== undefined) side.firstLines.push(firstLineMs);
          // What a side does after its answer must not fall into the time of the next.
          await delay(PAUSE_MS);
        }
      }
      for (const [index, side] of sides.entries()) {
        side.rounds.push(median(side.finals.slice(already[index])));
      }
      bench.say(
        `start-to-end: round ${round + 1}: ${sides.map(({ name, finals }) => `${name} ${figure(median(finals))}`).join(', ')}`,
      );
    }
    return section(sides);
  } finally {
    await server.close();
  }
}

async function everySide(bench: Bench, server: BenchServer, service: string): Promise<Side[]> {
  const { peers, quick } = bench;
  const tree = emptyTree(bench.folder);
  const [many, few] = quick ? [10, 2] : [15, 3];
  const sides: Omit<Side, 'finals' | 'firstLines' | 'rounds'>[] = [
    {
      name: 'Errand, over HTTP',
      perRound: many,
      async run() {
        const { job, startedMs, finalMs } = await server.run(service, COMMAND);
        return { finalMs, firstLineMs: (await firstLineAt(server, job.id)) - startedMs };
      },
    },
    ...peers.handKinds.map((kind) => ({
      name: HAND_NAMES[kind],
      perRound: kind === 'crun' || kind === 'bwrap' ? many : Math.ceil(many / 2),
      run: () =>
        peers.hand!.run(kind, { ...STARTER, command: COMMAND, tree, wantsFirstLine: kind !== 'bwrap-alone' }),
    })),
  ];
  const docker = await peers.docker();
  if (docker) {
    for (const network of ['bridge', 'none'] as const) {
      sides.push({
        name: `Docker Engine by its API, ${network === 'bridge' ? 'default network' : 'no network'}`,
        perRound: few,
        run: () => docker.run({ ...STARTER, command: COMMAND, network }),
      });
    }
  }
  const podman = peers.podman();
  if (podman) {
    sides.push({ name: 'podman run --rm, no network', perRound: few, run: () => podman.run(COMMAND) });
  }
  return sides.map((side) => ({ ...side, finals: [], firstLines: [], rounds: [] }));
}

/** When the supervisor received the first line, in milliseconds of the epoch. */
async function firstLineAt(server: BenchServer, jobId: string): Promise<number> {
  const owner = await server.workspaceId();
  const { logs } = await server.client.json<{ logs: { timestamp: string }[] }>(
    'GET',
    `/logs?ownerId=${owner}&resource=${jobId}&direction=forward&limit=1`,
  );
  const stamp = logs[0]!.timestamp;
  const fraction = /\.(\d+)/.exec(stamp)?.[1] ?? '0';
  return Date.parse(stamp.replace(/\.\d+/, '')) + Number(`0.${fraction}`) * 1000;
}

function section(sides: Side[]): Section {
  const errand = sides[0]!.rounds;
  const equals = sides.filter(({ name }) => EQUAL_KINDS.some((kind) => HAND_NAMES[kind] === name));
  const fastest = equals.sort((a, b) => median(a.rounds) - median(b.rounds))[0];
  const docker = sides.find(({ name }) => name.includes('default network'));
  const missing = (what: string, wanted: string) => ({
    what,
    wanted,
    found: 'not measured',
    holds: undefined,
  });
  const [byHand, byDocker] = [
    'create to final of `echo hi`, median, as a multiple of the fastest bare way with the same promises',
    'create to final of `echo hi`: how many times faster than the Docker Engine, default network',
  ];
  return {
    title: 'From create to final: `echo hi`, one at a time',
    targets: [
      fastest
        ? {
            ...atMost(byHand, 1.5, pairedRatio(errand, fastest.rounds), '×'),
            what: `${byHand} (${fastest.name})`,
          }
        : missing(byHand, 'at most 1.5×'),
      docker
        ? atLeast(byDocker, 10, pairedRatio(docker.rounds, errand), '×')
        : missing(byDocker, 'at least 10×'),
    ],
    tables: [
      {
        columns: ['', 'n', 'final ÷ Errand', 'final, ms', 'p95', 'least', 'first line, ms', 'p95'],
        rows: sides.map(({ name, finals, firstLines, rounds }) => {
          const final = summarise(finals);
          const line = firstLines.length > 0 ? summarise(firstLines) : undefined;
          return [
            name,
            String(final.count),
            figure(pairedRatio(rounds, errand)),
            figure(final.median),
            figure(final.p95),
            figure(final.least),
            line ? figure(line.median) : '-',
            line ? figure(line.p95) : '-',
          ];
        }),
      },
    ],
    notes: [
      `Errand: from sending the POST to the answer of the waiting GET. By hand: from before anything is made to the exit code on disk. Docker: create, start and wait by its API; reading the log and removing the container are not counted. podman: the whole \`podman run --rm\`. Removal of what an instance leaves is counted only there. The sides take turns, with a pause of ${PAUSE_MS} ms after each command. Ratios are medians of each round’s ratio.`,
      'First line: the time that the supervisor wrote beside it; for podman, its arrival at the caller.',
    ],
  };
}
