/** Limits of this server's own process that decide what it can give to the processes of instances. */
import { readFileSync } from 'node:fs';

export interface ProcessLimits {
  /** How willingly the kernel kills a process when the host's memory ends, from -1000 to 1000. */
  oomScoreAdj: number;
  /** The largest core dump, in bytes. */
  coreBytes: number;
}

/**
 * What instances get: the usual score, whatever protects this server, and no core dump. Either can be given only as far
 * as this process has it: the score cannot be lowered, the limit not raised.
 */
export function limitsForInstances(): ProcessLimits {
  const hardCore = /^Max core file size +\S+ +(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return {
    oomScoreAdj: Math.max(0, Number(readFileSync('/proc/self/oom_score_adj', 'utf8'))),
    // 1 and not 0: a program to which the host hands cores gets them whatever the limit is, but not at 1.
    coreBytes: hardCore === '0' ? 0 : 1,
  };
}
