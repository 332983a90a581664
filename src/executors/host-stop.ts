import { join } from 'node:path';

/** Where it is recorded that the host, or the place where jobs live, was stopped. */
export const hostStopFile = (dataDir: string): string => join(dataDir, 'host-stop');
