/** How fast one job's output reaches the disk. */
import { spawn } from 'node:child_process';
import { openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { atLeast, type Bench, type Measure, type Section, type Target } from '../measure.ts';
import { BenchServer } from '../server.ts';
import { figure, median, pairedRatio } from '../statistics.ts';
import { emptyTree, PRO } from './workloads.ts';

const LINE = `${'0123456789'.repeat(9)}abcdefghi\n`;
const FILE_BYTES = 64 * 1_000_000;
const FILE = 'lines.txt';

export const output: Measure = { name: 'output', run };

async function run(bench: Bench): Promise<Section> {
  const repeats = bench.quick ? 1 : 4;
  const megabytes = (FILE_BYTES * repeats) / 1e6;
  const command = `for i in $(${'echo '}${Array.from({ length: repeats }, (_, index) => index).join(' ')}); do cat ${FILE}; done`;
  const fill = (tree: string): void => writeFileSync(join(tree, FILE), LINE.repeat(FILE_BYTES / LINE.length));
  const tree = emptyTree(bench.folder);
  fill(tree);
  let service = '';
  const server = await BenchServer.start(`${bench.folder}/output`, async (database, self) => {
    service = await self.addService(database, fill);
  });
  const { hand, handKinds } = bench.peers;
  const docker = await bench.peers.docker();
  const { planId, ...limits } = PRO;
  const sides: { name: string; run(): Promise<number> }[] = [
    {
      name: 'Errand',
      run: async () => (await server.run(service, command, { planId })).finalMs,
    },
    ...(hand && handKinds.includes('crun')
      ? [
          {
            name: 'conmon + crun by hand',
            run: async () => (await hand.run('crun', { ...limits, command, tree })).finalMs,
          },
        ]
      : []),
    { name: '`cat` into a file, no sandbox', run: () => catIntoFile(bench.folder, tree, command) },
    ...(docker
      ? [
          {
            name: 'Docker Engine, json-file, no network',
            run: async () =>
              (await docker.run({ ...limits, command, tree, network: 'none' as const })).finalMs,
          },
        ]
      : []),
  ];
  const rates = new Map<string, number[]>(sides.map(({ name }) => [name, []]));
  try {
    readFileSync(join(tree, FILE));
    for (let round = 0; round < Math.min(bench.rounds, 5); round += 1) {
      for (const { name, run: once } of sides) rates.get(name)!.push((megabytes * 1000) / (await once()));
      bench.say(
        `output: round ${round + 1}: ${[...rates].map(([name, all]) => `${name} ${figure(median(all))}`).join(', ')}`,
      );
    }
  } finally {
    await server.close();
    rmSync(join(tree, FILE));
  }
  return section(rates, megabytes);
}

function catIntoFile(folder: string, cwd: string, command: string): Promise<number> {
  const file = join(folder, 'cat-output');
  const startedMs = performance.now();
  const child = spawn('/bin/bash', ['-c', command], {
    cwd,
    stdio: ['ignore', openSync(file, 'w'), 'inherit'],
  });
  return new Promise((resolve) => {
    child.once('exit', () => {
      const ms = performance.now() - startedMs;
      if (statSync(file).size === 0) throw new Error('cat wrote nothing');
      rmSync(file);
      resolve(ms);
    });
  });
}

function section(rates: Map<string, number[]>, megabytes: number): Section {
  const [errand, hand, docker] = [
    'Errand',
    'conmon + crun by hand',
    'Docker Engine, json-file, no network',
  ].map((name) => rates.get(name));
  const share = (what: string, limit: number, other: number[] | undefined): Target =>
    other === undefined
      ? { what, wanted: `at least ${limit}`, found: 'not measured', holds: undefined }
      : atLeast(what, limit, pairedRatio(errand!, other), '×');
  return {
    title: 'Output of one job to disk',
    targets: [
      share('output of one job, against the same supervisor by hand', 0.9, hand),
      share('output of one job, against Docker’s json-file', 4, docker),
    ],
    tables: [
      {
        columns: ['', 'MB/s of output', 'Errand ÷ it'],
        rows: [...rates].map(([name, all]) => [name, figure(median(all)), figure(pairedRatio(errand!, all))]),
      },
    ],
    notes: [
      `${megabytes} MB of 100-byte lines, printed with \`cat\` from a file in memory, from create to final on each side. The supervisor writes time and stream beside every line; \`cat\` into a file does not.`,
    ],
  };
}
