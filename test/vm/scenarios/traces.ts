/** What jobs leave on the host, and how systemd sees them. */
import assert from 'node:assert/strict';
import { eventually } from '../../support/eventually.ts';
import type { Machine } from '../machine.ts';
import type { Scenario } from '../scenario.ts';

/** Mounts, control groups and what is in /run, without what systemd does by itself. Ids are all alike. */
async function hostState(machine: Machine): Promise<string[]> {
  const listed = await machine.output(`
    cut -d ' ' -f 4- /proc/self/mountinfo | sed 's/^/mount /'
    find /sys/fs/cgroup -type d | grep -v '/user\\.slice\\|/systemd-\\|/init\\.scope' | sed 's/^/cgroup /'
    find /run -path /run/user -prune -o -path /run/systemd -prune -o -path /run/udev -prune -o -print | sed 's/^/run /'`);
  return listed
    .split('\n')
    .map((line) => line.replaceAll(/[0-9a-v]{20}/g, 'ID'))
    .sort();
}

/** Pairs of what is only in one of both lists. */
function difference(before: string[], after: string[]): string[] {
  const lacking = [...after];
  const fewer: string[] = [];
  for (const line of before) {
    const at = lacking.indexOf(line);
    if (at < 0) fewer.push(`- ${line}`);
    else lacking.splice(at, 1);
  }
  return [...fewer, ...lacking.map((line) => `+ ${line}`)];
}

export const traces: Scenario[] = [
  {
    name: 'a hundred jobs leave the mount table, the control groups and /run as they were',
    async run({ machine, errand }) {
      // What is made ahead for the next job is there before and after.
      await errand.ran('echo first');
      await eventually(
        async () => {
          const state = await hostState(machine);
          await errand.ran('true');
          return difference(state, await hostState(machine)).length === 0;
        },
        { withinMs: 120_000, everyMs: 1000, what: 'a host that stays as it is' },
      );
      const before = await hostState(machine);
      const jobs = await errand.finished(await errand.startMany(100, 'echo one of many'), 600_000);
      assert.deepEqual(
        jobs.filter(({ status }) => status !== 'succeeded'),
        [],
      );
      let changed: string[] = [];
      await eventually(
        async () => {
          changed = difference(before, await hostState(machine));
          return changed.length === 0;
        },
        { withinMs: 120_000, everyMs: 2000 },
      ).catch(() => assert.fail(`what changed:\n${changed.join('\n')}`));
    },
  },
  {
    name: 'systemd knows the service and its jobs, and finds no process left over',
    async run({ machine, errand, cgroups }) {
      const id = await errand.start('bash numbers.sh');
      await errand.printed(id, /^line 1$/);
      const unit = await machine.output(
        'systemctl show errand --property ActiveState,Slice,Delegate,KillMode',
      );
      assert.deepEqual(unit.split('\n').sort(), [
        'ActiveState=active',
        'Delegate=yes',
        'KillMode=process',
        'Slice=errand.slice',
      ]);
      const slice = await machine.output('systemctl status errand.slice --no-pager --full');
      assert.match(slice, /errand\.service/);
      assert.match(slice, /errand-jobs-[0-9a-f]+\.scope/);
      if (cgroups === 'unified') {
        const where = await machine.output(`cat "/proc/$(pgrep -nf numbers.sh)/cgroup"`);
        assert.match(where, /^0::\/errand\.slice\/errand-jobs-[0-9a-f]+\.scope\//);
        // The kernel's rule: a group that hands controllers down has no processes of its own.
        const both = await machine.output(`find /sys/fs/cgroup -mindepth 2 -type d | while read -r group; do
          if [[ -n $(cat "$group/cgroup.subtree_control") && -n $(cat "$group/cgroup.procs" 2> /dev/null) ]]; then
            echo "$group"; fi; done`);
        assert.equal(both, '');
      }
      await errand.cancel(id);
      await errand.finished([id]);
      await machine.output('systemctl restart errand', 300_000);
      await errand.answers();
      const warnings = await machine.output(`journalctl -b --no-pager | grep -i 'left-over process' || true`);
      assert.equal(warnings, '');
    },
  },
];
