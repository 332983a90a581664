/** Finding, asking and installing the programs that peers are made of. */
import { execFileSync, spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Programs of peers with the Debian package that holds each. */
export const PACKAGES = {
  conmon: 'conmon',
  crun: 'crun',
  runc: 'runc',
  bwrap: 'bubblewrap',
  dockerd: 'docker.io',
  podman: 'podman',
} as const;
export type ProgramName = keyof typeof PACKAGES;

/** The absolute path of a program, or undefined. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
  return folders
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return path.startsWith('/');
      } catch {
        return false;
      }
    });
}

/** The first line that a program says about its version. */
export function versionOf(path: string): string {
  const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' });
  return (stdout ?? '').split('\n')[0]!.trim();
}

/** Installs what peers need and this machine lacks. Needs root on Debian. */
export function installPeers(): void {
  const missing = Object.entries(PACKAGES).flatMap(([name, from]) => (findProgram(name) ? [] : [from]));
  if (missing.length === 0) return;
  const options = { stdio: 'inherit', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } } as const;
  execFileSync('apt-get', ['update', '-qq'], options);
  execFileSync(
    'apt-get',
    ['install', '-y', '-qq', '--no-install-recommends', ...missing, 'iptables'],
    options,
  );
}
