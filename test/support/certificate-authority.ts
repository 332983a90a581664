/** An authority of its own, and a certificate for localhost and 127.0.0.1 that it signed. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Certificates {
  caFile: string;
  key: Buffer;
  cert: Buffer;
}

/** Makes the files in an existing folder. */
export function makeCertificates(folder: string): Certificates {
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  };
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const authority = ['-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=an authority'];
  openssl('req', '-x509', ...newKey, ...authority);
  openssl('req', ...newKey, '-keyout', 'host.key', '-out', 'host.csr', '-subj', '/CN=localhost');
  writeFileSync(join(folder, 'names'), 'subjectAltName=DNS:localhost,DNS:git.test,IP:127.0.0.1\n');
  const signed = [
    '-in',
    'host.csr',
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-out',
    'host.pem',
  ];
  openssl('x509', '-req', ...signed, '-days', '2', '-extfile', 'names');
  return {
    caFile: join(folder, 'ca.pem'),
    key: readFileSync(join(folder, 'host.key')),
    cert: readFileSync(join(folder, 'host.pem')),
  };
}
