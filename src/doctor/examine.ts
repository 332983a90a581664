/** All that Errand needs of its host, in the order in which one thing rests on the other. */
import { type Config, ConfigError } from '../config.ts';
import type { Logger } from '../shared/logger.ts';
import { cgroups, delegation, swap } from './cgroup.ts';
import { advise, type Check, type Finding, find, isFit } from './check.ts';
import { clock, descriptors, platform, rootMount, user, userNamespaces } from './host.ts';
import { names, port } from './network.ts';
import { git, gitPresence, programPresence, programs } from './programs.ts';
import { dataFolder, disk, inodes, runFolder } from './storage.ts';
import { systemd } from './systemd.ts';
import { instance } from './trial.ts';

/** Everything, one finding after the other. The last one starts an instance. */
export async function* examine(config: Config): AsyncGenerator<Finding> {
  const { dataDir, host, port: number, executor, diskReserveBytes } = config;
  const findings: Finding[] = [];
  const isolation = executor === 'local';
  const checks: Check[] = [
    ...(isolation ? [platform, user, ...programs] : [noIsolation]),
    git,
    ...(isolation ? [cgroups, delegation, swap, userNamespaces, runFolder, rootMount] : []),
    dataFolder(dataDir, executor),
    disk(dataDir, diskReserveBytes),
    inodes(dataDir),
    descriptors,
    clock,
    port(host, number, dataDir),
    names,
    systemd,
    ...(isolation ? [instance(config, () => isFit(findings.filter(mattersToInstances)))] : []),
  ];
  for (const check of checks) {
    const finding = await find(check);
    findings.push(finding);
    yield finding;
  }
}

const mattersToInstances = ({ id }: Finding): boolean => !['git', 'port', 'clock'].includes(id);

const noIsolation: Check = {
  id: 'executor',
  name: 'executor',
  essential: false,
  look: () => advise('process: no isolation and no limits', 'for anything but development: --executor local'),
};

/** Where to look next, after the cause. */
export const DOCTOR =
  '`errand doctor` looks at everything; for development without isolation: errand serve --executor process';

/**
 * What a server looks at before it starts anything: without starting a program, in a few milliseconds.
 * @throws ConfigError with every cause and what to do about it. What only keeps new jobs from being accepted is logged:
 * those that run need their server.
 */
export async function refuseUnfitHost(config: Config, logger: Logger): Promise<void> {
  const { dataDir, executor, diskReserveBytes } = config;
  const needed: Check[] = [
    ...(executor === 'local' ? [platform, user, ...programPresence, cgroups, runFolder] : []),
    dataFolder(dataDir, executor),
  ];
  const failures = (await Promise.all(needed.map(find))).filter(({ status }) => status === 'failed');
  if (failures.length > 0) {
    const causes = failures.map(({ name, found, advice }) => `\n  ${name}: ${found}\n    ${advice}`);
    throw new ConfigError(`this host lacks what Errand needs:${causes.join('')}\n${DOCTOR}`);
  }
  const others = await Promise.all(
    [gitPresence, disk(dataDir, diskReserveBytes), inodes(dataDir), descriptors].map(find),
  );
  for (const { name, status, found, advice } of others) {
    if (status === 'failed') logger.warn(`${name}: ${found}; ${advice}`);
  }
}
