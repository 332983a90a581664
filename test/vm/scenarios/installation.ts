/** From a stock system to a running service, as the README says. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../checkout.ts';
import { ADMIN_KEY } from '../errand.ts';
import { quoted } from '../machine.ts';
import type { Scenario } from '../scenario.ts';

const MINUTES = 60_000;
/** Ten jobs of the smallest size at once, whatever the machine has: they do next to nothing. */
const SETTINGS = '--allow-local-repos --max-memory 5GB --max-cpu 5';

/** The commands below a heading of the README, block by block. */
function commandsBelow(heading: string): string[] {
  const text = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  return [...section.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block]) => block!);
}

export const installation: Scenario[] = [
  {
    name: 'what is missing is installed from the packages of the distribution',
    isFoundation: true,
    async run({ machine }) {
      await machine.output('mkdir /opt/errand && tar -xf /dev/vdb -C /opt/errand', 10 * MINUTES);
      await machine.output('cd /opt/errand && script/install-dependencies', 10 * MINUTES);
      await machine.output('command -v crun conmon tini');
    },
  },
  {
    name: 'what the README says installs a service that runs, and errand doctor finds nothing that is missing',
    isFoundation: true,
    async run({ machine, errand }) {
      const commands = commandsBelow('Running a server').find((block) => block.includes('install-service'));
      assert.match(
        commands ?? '',
        /errand doctor/,
        'the README says how to install the service and to look at it',
      );
      const withSettings = commands!.replace(/^script\/errand install-service$/m, `$& ${SETTINGS}`);
      await machine.output(`set -e; export ERRAND_ADMIN_API_KEY=${ADMIN_KEY}\n${withSettings}`, 10 * MINUTES);
      await errand.answers();
      await machine.output(
        `cat > /etc/systemd/system/witness.service <<'UNIT'
[Unit]
Before=errand.service
[Service]
ExecStart=/opt/errand/node_modules/node/bin/node /opt/errand/test/vm/witness.ts /var/lib/witness/starts
StateDirectory=witness
[Install]
WantedBy=multi-user.target
UNIT
        systemctl daemon-reload && systemctl enable --now witness
        cp -R /opt/errand/test/vm/service /srv/scripts && cd /srv/scripts
        git init -q --initial-branch main && git add .
        git -c user.name=me -c user.email=me@example.com commit -qm 'Keep the scripts'`,
      );
      await errand.useService('/srv/scripts');
      const job = await errand.ran('bash once.sh');
      assert.equal(job.status, 'succeeded', JSON.stringify(job));
    },
  },
];

export const tours: Scenario[] = [
  {
    name: 'the quick start works as it is written',
    async run({ machine }) {
      const [serve, ...rest] = commandsBelow('Quick start').map((block) =>
        // The installed service has the usual port.
        block
          .replaceAll('127.0.0.1:8080', '127.0.0.1:8090')
          .replaceAll('errand serve', 'errand serve --port 8090'),
      );
      assert.equal(rest.length, 3);
      const script = `cd /opt/errand; mkdir -p /tmp/errand-quickstart
        setsid bash -euo pipefail -c ${quoted(serve!)} > /tmp/errand-quickstart/said 2>&1 < /dev/null &
        until grep -q 'listens on' /tmp/errand-quickstart/said; do
          kill -0 $! || { cat /tmp/errand-quickstart/said >&2; exit 1; }; sleep 1; done
        code=0; bash -euo pipefail -c ${quoted(rest.join('\n'))} || code=$?
        kill -INT -- -$!; wait $!; exit $code`;
      const said = await machine.output(script, 10 * MINUTES);
      assert.match(said, /2 assets built[\s\S]*dep-[0-9a-v]{20} live/);
      assert.match(said, /^hello from todo-api$/m);
      assert.match(said, /^it ended with 3$/m);
      assert.match(said, /"status":"succeeded"/);
      assert.match(said, /"message":"hi"/);
      await machine.output('rm -rf /tmp/errand-quickstart');
    },
  },
  {
    name: 'script/demo ends well and leaves nothing behind',
    async run({ machine }) {
      const demo =
        'mkdir /var/tmp/demo && cd /var/tmp/demo && TMPDIR=$PWD /opt/errand/script/demo < /dev/null';
      const said = await machine.output(demo, 10 * MINUTES);
      assert.match(said, /executor local/);
      assert.match(said, /hello from job-[0-9a-v]{20}/);
      assert.match(said, /^status +succeeded$/m);
      assert.equal(await machine.output('ls -A /var/tmp/demo'), '');
    },
  },
];
