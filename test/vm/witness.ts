/**
 * Runs in the machine, beside the server and through its restarts. Whoever connects to port 9100 is written down, on
 * disk before anything else; port 9101 is open while jobs may end: SIGUSR1 opens it, SIGUSR2 closes it.
 *
 * Usage: witness.ts FILE
 */
import { fsyncSync, openSync, writeSync } from 'node:fs';
import { createServer } from 'node:net';

const file = openSync(process.argv[2]!, 'a');
createServer((connection) => {
  connection.setEncoding('utf8').on('error', () => undefined);
  connection.on('data', (text: string) => {
    writeSync(file, text);
    fsyncSync(file);
  });
}).listen(9100, '127.0.0.1');

const gate = createServer((connection) => connection.on('error', () => undefined).end());
process.on('SIGUSR1', () => gate.listen(9101, '127.0.0.1'));
process.on('SIGUSR2', () => gate.close());
