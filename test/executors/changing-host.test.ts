/** What changes on the host while a server runs there, and how the host shows itself to instances by rule. */
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { HostOfItsOwn } from '../support/host-of-its-own.ts';

let host: HostOfItsOwn;
beforeEach(() => {
  host = new HostOfItsOwn();
});
afterEach(() => host.close());

const write = (folder: string, files: Record<string, string>, mode = 0o644): void => {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    rmSync(join(folder, name), { force: true });
    writeFileSync(join(folder, name), text, { mode });
  }
};

test('names, resolver, certificates, alternatives and /opt of the host reach the next job, as they are then', async () => {
  write(host.etc, { hosts: '192.0.2.1 before\n', 'resolv.conf': 'nameserver 192.0.2.53\n' });
  write(host.opt, { 'old/tool': 'old' });
  const look =
    'getent -s hosts:files hosts before after; cat /etc/resolv.conf /etc/ssl/certs/team.pem /etc/alternatives/tool 2>/dev/null; ls -C /opt';
  host.start();
  const first = await host.run(look);
  expect(first.output.split('\n').map((line) => line.split(/\s+/).join(' '))).toEqual([
    '192.0.2.1 before',
    'nameserver 192.0.2.53',
    'old render',
  ]);
  // The same again finds one that was made ahead, so what follows is not only for instances that are made anew anyway.
  expect((await host.run(look)).wasMadeAhead).toBe(true);

  write(host.etc, { hosts: '192.0.2.1 before\n192.0.2.2 after\n', 'ssl/certs/team.pem': 'certificate\n' });
  rmSync(join(host.etc, 'resolv.conf'));
  write(host.opt, { 'new/resolv.conf': 'nameserver 192.0.2.54\n' });
  symlinkSync('/opt/new/resolv.conf', join(host.etc, 'resolv.conf'));
  symlinkSync('/opt/new/resolv.conf', join(host.etc, 'alternatives', 'tool'));
  rmSync(join(host.opt, 'old'), { recursive: true });
  const second = await host.run(look);
  expect(second.wasMadeAhead).toBe(false);
  expect(second.output.split('\n').map((line) => line.split(/\s+/).join(' '))).toEqual([
    '192.0.2.1 before',
    '192.0.2.2 after',
    'nameserver 192.0.2.54',
    'certificate',
    'nameserver 192.0.2.54',
    'new render',
  ]);
});

test('a folder of /opt that goes while instances are made ahead fails none of them', async () => {
  host.start();
  for (let round = 0; round < 10; round += 1) {
    write(host.opt, { 'toolchain/bin': `${round}` });
    await host.run('true');
    rmSync(join(host.opt, 'toolchain'), { recursive: true });
    expect((await host.run('ls /opt')).output).toBe('render');
  }
});

test('what is secret by custom is hidden also where everybody may read it, and the rest is as on the host', async () => {
  const secrets = {
    'errand/master.key': 'errand-secret',
    'default/app': 'TOKEN=errand-secret',
    'systemd/system/app.service': 'Environment=TOKEN=errand-secret',
    'kubernetes/admin.conf': 'errand-secret',
    'ssl/private/app.key': 'errand-secret',
    'secrets/of-the-host': 'errand-secret',
  };
  write(host.etc, { ...secrets, 'app/settings.ini': 'open\n' });
  write(host.etc, { 'app/key': 'errand-secret' }, 0o600);
  host.start('chmod 755 /etc/ssl/private /etc/errand');
  const { output } = await host.run(
    'grep -rlw errand-secret /etc 2>/dev/null; cat /etc/app/settings.ini; ls -A /etc/ssl /etc/secrets; wc -c < /etc/app/key 2>&1; true',
  );
  expect(output.split('\n')).toEqual([
    'open',
    '/etc/secrets:',
    '',
    '/etc/ssl:',
    'certs',
    'openssl.cnf',
    expect.stringMatching(/Permission denied$/),
  ]);
});

test('what is mounted below /etc and /opt is shown, and one that goes is no obstacle', async () => {
  write(host.etc, { 'mounted/under.txt': 'under' });
  write(host.opt, { 'mounted/under.txt': 'under' });
  host.start(
    'for at in /etc/mounted /opt/mounted; do mount -t tmpfs tmpfs $at && echo over > $at/over.txt; done',
  );
  const look = 'cat /etc/mounted/* /opt/mounted/*; grep -c "^ *0 *0 *65536$" /proc/self/uid_map';
  expect((await host.run(look)).output).toBe('over\nover\n1');
  // Seen at the latest a second after it was made.
  host.among('mkdir /etc/later && mount -t tmpfs tmpfs /etc/later && echo later > /etc/later/file.txt');
  await eventually(async () => (await host.run('cat /etc/later/file.txt')).output === 'later');
  host.among('umount /etc/mounted /opt/mounted');
  rmSync(join(host.etc, 'mounted'), { recursive: true });
  expect((await host.run('ls /etc/mounted 2>&1; true')).output).toMatch(/No such file/);
});

test('an /etc that is an overlay, with links in a circle, without hosts and resolver and with odd names, is no obstacle', async () => {
  for (const name of ['hosts', 'resolv.conf', 'hostname', 'machine-id', 'pki']) {
    rmSync(join(host.etc, name), { recursive: true, force: true });
  }
  symlinkSync('resolv.conf', join(host.etc, 'resolv.conf'));
  symlinkSync('pki', join(host.etc, 'pki'));
  write(host.etc, { 'a:b,c d\\e\nf': 'odd' });
  // And, as in a container, an overlay itself.
  host.start(
    `mkfifo /etc/fifo; mknod /etc/null c 1 3; mount -t tmpfs tmpfs /mnt && mkdir /mnt/upper /mnt/work &&
      mount -t overlay -o lowerdir=/etc,upperdir=/mnt/upper,workdir=/mnt/work overlay /etc`,
  );
  expect((await host.run('cat /etc/a:*; getent hosts "$(hostname)" | cut -d" " -f1')).output).toBe(
    'odd127.0.0.1',
  );
});

test('a server whose own limits are odd starts instances all the same, with those that it can give', async () => {
  host.start('echo 300 > /proc/self/oom_score_adj; ulimit -Sc 0; ulimit -Hc 0');
  const { output } = await host.run('cat /proc/self/oom_score_adj; grep core /proc/self/limits');
  expect(output.split(/\s+/).slice(0, 7).join(' ')).toBe('300 Max core file size 0 0');
});
