/** Where on this host the cgroups of instances are, and what their supervisors join. */
import { existsSync, mkdirSync } from 'node:fs';
import { hostStopFile } from '../host-stop.ts';
import { type Cgroups, isUnified, moveProcesses, openCgroups } from './cgroups.ts';
import { hasSystemd, type JobsScope, KEEPER_LEAF, openJobsScope } from './jobs-scope.ts';

const MOUNT = '/sys/fs/cgroup';
/** Where nobody else orders the hierarchy. */
const GROUP = 'errand';

export interface JobsPlace {
  cgroups: Cgroups;
  /** For the log. */
  name: string;
  /** Files to which the shell that starts supervisors writes 0; none: supervisors stay in the server's cgroup. */
  supervisorJoinFiles: string[];
  /** Nothing of this server is in it any more. */
  release(): void;
}

/**
 * Under systemd a scope of their own, on cgroup v2 with all limits in it; elsewhere a group of the hierarchy's root.
 * @throws when the cgroups cannot be used, or systemd makes no scope
 */
export async function openJobsPlace(dataDir: string): Promise<JobsPlace> {
  if (hasSystemd()) return inScope(await openJobsScope(dataDir, hostStopFile(dataDir)));
  if (isUnified()) leaveRoot();
  return { cgroups: openCgroups(GROUP), name: GROUP, supervisorJoinFiles: [], release: () => undefined };
}

function inScope(scope: JobsScope): JobsPlace {
  const { unit: name, release } = scope;
  if (!isUnified()) {
    const supervisorJoinFiles = scope.folders.map((folder) => `${folder}/cgroup.procs`);
    return { cgroups: openCgroups(GROUP), name: `${GROUP}, ${name}`, supervisorJoinFiles, release };
  }
  const [folder] = scope.folders;
  moveProcesses(folder!, `${folder}/${KEEPER_LEAF}`);
  mkdirSync(`${folder}/supervisors`, { recursive: true });
  return {
    cgroups: openCgroups(folder!.slice(MOUNT.length + 1)),
    name,
    supervisorJoinFiles: [`${folder}/supervisors/cgroup.procs`],
    release,
  };
}

/**
 * In a container the hierarchy's root is the container's own cgroup, with the server in it, and a group with processes
 * hands no controller down: they move to a leaf. The real root of a host is exempt from that rule, and has no type.
 */
function leaveRoot(): void {
  if (existsSync(`${MOUNT}/cgroup.type`)) moveProcesses(MOUNT, `${MOUNT}/${GROUP}-server`);
}
