/** How much of the disk one job or build may take: what the operator says, else what no disk regrets. */
import type { Config } from '../config.ts';
import type { Room } from './disk-reserve.ts';

const GB = 2 ** 30;

/** Of the files and of the output of one job or build. */
export interface DiskLimits {
  bytes: number;
  files: number;
  outputBytes: number;
}

export function diskLimits(
  { maxJobDisk, maxLogBytes }: Pick<Config, 'maxJobDisk' | 'maxLogBytes'>,
  room: Pick<Room, 'allBytes' | 'allFiles'>,
): DiskLimits {
  return {
    bytes: maxJobDisk.bytes ?? Math.min(10 * GB, Math.floor(room.allBytes / 4)),
    files: maxJobDisk.files ?? Math.min(1_000_000, Math.floor(room.allFiles / 4)),
    outputBytes: maxLogBytes ?? Math.min(GB, Math.floor(room.allBytes / 20)),
  };
}
