/** All measures, in the order in which they run. */
import type { Measure } from '../measure.ts';
import { artifactSize } from './artifact-size.ts';
import { creates } from './creates.ts';
import { follower } from './follower.ts';
import { lists } from './lists.ts';
import { logs } from './logs.ts';
import { memory } from './memory.ts';
import { output } from './output.ts';
import { reads } from './reads.ts';
import { startToEnd } from './start-to-end.ts';
import { throughput } from './throughput.ts';

export const measures: readonly Measure[] = [
  startToEnd,
  throughput,
  creates,
  reads,
  lists,
  output,
  follower,
  logs,
  memory,
  artifactSize,
];
