/** A real rsyslog that receives over TLS, with an authority of its own. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.ts';

export interface ReceivedLine {
  priority: number;
  timestamp: string;
  hostname: string;
  appName: string;
  messageId: string;
  data: Record<string, string>;
  message: string;
}

export class SyslogReceiver {
  readonly folder = mkdtempSync(join(tmpdir(), 'errand-rsyslog-'));
  readonly port: number;
  #process: ChildProcess | undefined;

  private constructor(port: number) {
    this.port = port;
    const openssl = (...args: string[]) =>
      execFileSync('openssl', args, { cwd: this.folder, stdio: ['ignore', 'ignore', 'pipe'] });
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    openssl(
      'req',
      '-x509',
      ...key,
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      '-days',
      '2',
      '-subj',
      '/CN=authority',
    );
    openssl('req', ...key, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=localhost');
    writeFileSync(join(this.folder, 'names'), 'subjectAltName=DNS:localhost\n');
    const ca = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'];
    openssl(
      'x509',
      '-req',
      '-in',
      'server.csr',
      ...ca,
      '-out',
      'server.pem',
      '-days',
      '2',
      '-extfile',
      'names',
    );
    writeFileSync(join(this.folder, 'rsyslog.conf'), this.#configuration());
  }

  static async create(): Promise<SyslogReceiver> {
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const { port } = probe.address() as { port: number };
    probe.close();
    await once(probe, 'close');
    return new SyslogReceiver(port);
  }

  get endpoint(): string {
    return `localhost:${this.port}`;
  }

  get caFile(): string {
    return join(this.folder, 'ca.pem');
  }

  async start(): Promise<void> {
    this.#process = spawn('rsyslogd', ['-n', '-f', 'rsyslog.conf', '-i', join(this.folder, 'pid')], {
      cwd: this.folder,
      stdio: 'ignore',
      env: { PATH: `${process.env['PATH']}:/usr/sbin:/sbin` },
    });
    await eventually(() => this.#isListening(), { what: 'rsyslog to listen' });
  }

  async stop(): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    if (!running || running.exitCode !== null) return;
    const exited = once(running, 'exit');
    running.kill('SIGTERM');
    await exited;
  }

  async close(): Promise<void> {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Everything received so far. */
  lines(): ReceivedLine[] {
    const file = join(this.folder, 'received.log');
    if (!existsSync(file)) return [];
    return readFileSync(file, 'utf8').split('\n').slice(0, -1).map(parse);
  }

  #isListening(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.port, '127.0.0.1');
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
  }

  #configuration(): string {
    const { folder, port } = this;
    return `
global(workDirectory="${folder}" maxMessageSize="128k" defaultNetstreamDriver="ossl"
  defaultNetstreamDriverCAFile="${folder}/ca.pem" defaultNetstreamDriverCertFile="${folder}/server.pem"
  defaultNetstreamDriverKeyFile="${folder}/server.key")
main_queue(queue.type="Direct")
module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="anon")
input(type="imtcp" port="${port}" address="127.0.0.1")
template(name="whole" type="string" string="%rawmsg%\\n")
*.* action(type="omfile" file="${folder}/received.log" template="whole")
`;
  }
}

function parse(text: string): ReceivedLine {
  const match = /^<(\d+)>1 (\S+) (\S+) (\S+) - (\S+) \[errand@32473 ((?:[^\]\\]|\\.)*)\] (.*)$/s.exec(text);
  if (!match) throw new Error(`not a message of RFC 5424: ${text}`);
  const [, priority, timestamp, hostname, appName, messageId, data, message] = match;
  const fields = [...data!.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name, value]) => [
    name,
    value!.replaceAll(/\\(.)/g, '$1'),
  ]);
  return {
    priority: Number(priority),
    timestamp: timestamp!,
    hostname: hostname!,
    appName: appName!,
    messageId: messageId!,
    data: Object.fromEntries(fields),
    message: message!,
  };
}
