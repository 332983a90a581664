/** A proxy before a server that breaks every connection after so many bytes of answers, wherever that falls. */
import { createServer, connect as openSocket } from 'node:net';

export interface CuttingProxy {
  url: string;
  /** How often it has cut. */
  cuts(): number;
  close(): Promise<void>;
}

/** @param nextCut how many bytes the next connection may bring */
export async function startCuttingProxy(target: string, nextCut: () => number): Promise<CuttingProxy> {
  const { port, hostname } = new URL(target);
  let cuts = 0;
  const open = new Set<() => void>();
  const server = createServer((client) => {
    const upstream = openSocket(Number(port), hostname);
    const end = (): void => {
      client.destroy();
      upstream.destroy();
      open.delete(end);
    };
    open.add(end);
    let left = nextCut();
    client.on('error', end).on('close', end).pipe(upstream);
    upstream.on('error', end).on('close', () => client.end());
    upstream.on('data', (chunk) => {
      const part = chunk.subarray(0, left);
      left -= part.length;
      if (left > 0) {
        client.write(part);
        return;
      }
      cuts += 1;
      upstream.removeAllListeners('data').pause();
      client.write(part, end);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${address.port}`,
    cuts: () => cuts,
    close: () => {
      for (const end of [...open]) end();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
