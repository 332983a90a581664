/** Whether a large artifact makes a start slower. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { atMost, type Bench, type Measure, type Section } from '../measure.ts';
import { BenchServer } from '../server.ts';
import { figure, summarise } from '../statistics.ts';

const FOLDERS = 80;
const FILES_PER_FOLDER = 100;
const FILE_BYTES = 25_000;

export const artifactSize: Measure = { name: 'artifact-size', run };

async function run(bench: Bench): Promise<Section> {
  let [empty, large] = ['', ''];
  const server = await BenchServer.start(`${bench.folder}/artifact-size`, async (database, self) => {
    empty = await self.addService(database);
    large = await self.addService(database, fill);
  });
  const times = { empty: [] as number[], large: [] as number[] };
  try {
    for (const service of [empty, large]) await server.run(service, 'true');
    for (let round = 0; round < bench.rounds; round += 1) {
      for (let each = 0; each < (bench.quick ? 5 : 15); each += 1) {
        times.empty.push((await server.run(empty, 'true')).finalMs);
        times.large.push((await server.run(large, 'true')).finalMs);
      }
    }
  } finally {
    await server.close();
  }
  const [small, big] = [summarise(times.empty), summarise(times.large)];
  return {
    title: 'Start with a large artifact',
    targets: [
      atMost(
        'create to final with an artifact of 200 MB in 8,000 files, as a multiple of an empty one',
        1.1,
        big.median / small.median,
        '×',
      ),
    ],
    tables: [
      {
        columns: ['artifact', 'n', 'create to final of `true`, ms', 'p95'],
        rows: [
          ['empty', String(small.count), figure(small.median), figure(small.p95)],
          ['200 MB in 8,000 files', String(big.count), figure(big.median), figure(big.p95)],
        ],
      },
    ],
    notes: ['In turn, one at a time.'],
  };
}

function fill(tree: string): void {
  const content = randomBytes(FILE_BYTES);
  for (let folder = 0; folder < FOLDERS; folder += 1) {
    const path = join(tree, `folder-${folder}`);
    mkdirSync(path);
    for (let file = 0; file < FILES_PER_FOLDER; file += 1) {
      content.writeUInt32LE(folder * FILES_PER_FOLDER + file);
      writeFileSync(join(path, `file-${file}`), content);
    }
  }
}
