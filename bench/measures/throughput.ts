/** Many short commands: how many per second, at several numbers at once. */
import { atLeast, type Bench, type Measure, type Section } from '../measure.ts';
import type { HandKind } from '../peers/by-hand.ts';
import { EQUAL_KINDS, HAND_NAMES } from '../peers/peers.ts';
import { BenchServer } from '../server.ts';
import { figure, median, pairedRatio } from '../statistics.ts';
import { emptyTree, STARTER } from './workloads.ts';

const AT_ONCE = [2, 8, 32] as const;

export const throughput: Measure = { name: 'throughput', run };

async function run(bench: Bench): Promise<Section> {
  let service = '';
  const server = await BenchServer.start(`${bench.folder}/throughput`, async (database, self) => {
    service = await self.addService(database);
  });
  const count = bench.quick ? 60 : 150;
  const kinds = bench.peers.handKinds.filter((kind) => EQUAL_KINDS.includes(kind) && kind !== 'runc');
  const tree = emptyTree(bench.folder);
  const rates = new Map<string, number[]>();
  const note = (side: string, atOnce: number, rate: number): void => {
    const key = `${side} ${atOnce}`;
    rates.set(key, [...(rates.get(key) ?? []), rate]);
  };
  try {
    await server.rate(service, 'true', 10, 2);
    for (let round = 0; round < bench.rounds; round += 1) {
      for (const atOnce of AT_ONCE) {
        const sides: [string, () => Promise<number>][] = [
          ['errand', () => server.rate(service, 'true', count, atOnce)],
          ...kinds.map((kind): [string, () => Promise<number>] => [
            kind,
            () => bench.peers.hand!.rate(kind, { ...STARTER, command: 'true', tree }, count, atOnce),
          ]),
        ];
        for (const [side, measure] of round % 2 === 0 ? sides : sides.reverse()) {
          note(side, atOnce, await measure());
        }
      }
      bench.say(
        `throughput: round ${round + 1}: ${[...rates].map(([key, all]) => `${key}: ${figure(median(all))}`).join(', ')}`,
      );
    }
  } finally {
    await server.close();
  }
  return section(rates, kinds, count);
}

function section(rates: Map<string, number[]>, kinds: HandKind[], count: number): Section {
  const rateOf = (side: string, atOnce: number): number => median(rates.get(`${side} ${atOnce}`)!);
  const ratio = (kind: HandKind, atOnce: number): number =>
    pairedRatio(rates.get(`errand ${atOnce}`)!, rates.get(`${kind} ${atOnce}`)!);
  const best = [...kinds].sort((a, b) => rateOf(b, 8) - rateOf(a, 8))[0];
  const what = 'jobs per second of `true` at 8 at once, as a share of a loop by hand';
  return {
    title: 'Throughput: `true`, jobs per second',
    targets: [
      best
        ? {
            ...atLeast(what, 0.7, ratio(best, 8), ''),
            what: `${what} (${HAND_NAMES[best]})`,
          }
        : { what, wanted: 'at least 0.7', found: 'not measured', holds: undefined },
    ],
    tables: [
      {
        columns: ['at once', 'Errand', ...kinds.flatMap((kind) => [HAND_NAMES[kind], 'Errand ÷ it'])],
        rows: AT_ONCE.map((atOnce) => [
          String(atOnce),
          figure(rateOf('errand', atOnce)),
          ...kinds.flatMap((kind) => [figure(rateOf(kind, atOnce)), figure(ratio(kind, atOnce))]),
        ]),
      },
    ],
    notes: [
      `Medians of rounds of ${count} jobs; ratios are medians of each round’s ratio. Both sides remove what an instance leaves, within the time. Errand's clients: as many as run at once, each creates, waits and creates again.`,
    ],
  };
}
