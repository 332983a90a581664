/**
 * The data folder belongs to one server at a time. The claim is a listening socket: the system gives it up when the
 * process ends, however it ends, so nothing stale can be left behind.
 */
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, realpathSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { ConfigError } from './config.ts';

export interface DataFolder {
  release(): Promise<void>;
}

/** Makes the folder, for its owner alone, and claims it. @throws ConfigError when it cannot, or another server has it */
export async function claimDataFolder(folder: string): Promise<DataFolder> {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(folder, 0o700);
  } catch (cause) {
    throw new ConfigError(`the data folder ${folder} cannot be made: ${(cause as Error).message}`, { cause });
  }
  const server = createServer((socket) => socket.destroy());
  await listen(server, socketName(realpathSync(folder))).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'EADDRINUSE') throw cause;
    throw new ConfigError(
      `another server uses the data folder ${folder}: stop it, or choose another --data-dir`,
      {
        cause,
      },
    );
  });
  // It must keep nothing alive.
  server.unref();
  return {
    release: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path, exclusive: true }, resolve);
  });
}

function socketName(folder: string): string {
  // Linux has names outside the file system, which end with the process.
  if (process.platform === 'linux') {
    return `\0errand-${createHash('sha256').update(folder).digest('hex').slice(0, 32)}`;
  }
  const file = join(folder, 'server.sock');
  rmSync(file, { force: true });
  return file;
}
