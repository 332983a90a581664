/** All measures, in the order in which they run. */
import type { Measure } from '../measure.ts';
import { startToEnd } from './start-to-end.ts';
import { throughput } from './throughput.ts';

export const measures: readonly Measure[] = [startToEnd, throughput];
