import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startApi } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { ADMIN_KEY } from '../support/server.ts';

/** Every file below a folder. */
const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

test('no secret that a client set or got is in the data folder or the log of the server', async () => {
  const api = await startApi();
  const { admin, developer, serviceId, workspaceId: ownerId } = api;
  try {
    const marker = (what: string): string => `marker-${what}-f3a91c7e5b2d`;
    await developer.ok('update-env-var', {
      params: { serviceId, envVarKey: 'SECRET' },
      body: { value: marker('variable') },
    });
    await developer.ok('add-or-update-secret-file', {
      params: { serviceId, envVarKey: 'file.txt' },
      body: { content: marker('file') },
    });
    const group = await developer.ok('create-env-group', {
      body: {
        name: 'group',
        ownerId,
        envVars: [{ key: 'GROUP', value: marker('group-variable') }],
        secretFiles: [{ name: 'g', content: marker('group-file') }],
        serviceIds: [serviceId],
      },
      headers: { 'idempotency-key': 'group' },
    });
    const credential = { registry: 'DOCKER', name: 'hub', username: 'me', ownerId };
    await developer.ok('create-registry-credential', {
      body: { ...credential, authToken: marker('registry') },
      headers: { 'idempotency-key': 'registry' },
    });
    const { service } = await developer.ok('create-service', {
      body: {
        type: 'background_worker',
        name: 'private',
        ownerId,
        repo: `https://me:${marker('in-address')}@git.invalid/team/app`,
        serviceDetails: { runtime: 'node', envSpecificDetails: { buildCommand: '', startCommand: 'true' } },
      },
      headers: { 'idempotency-key': 'service' },
    });
    await developer.ok('set-repository-credential', {
      params: { serviceId: service!.id! },
      body: { token: marker('token') },
    });
    const key = await admin.ok('create-key', {
      body: { name: 'k', role: 'viewer' },
      headers: { 'idempotency-key': 'key' },
    });
    const webhook = await developer.ok('create-webhook', {
      body: { ownerId, url: 'https://example.com', name: 'w', enabled: true, eventFilter: [] },
    });
    const stream = await developer.ok('update-owner-log-stream', {
      params: { ownerId },
      body: { endpoint: 'logs.example.com:6514', token: marker('stream'), preview: 'send' },
    });
    expect(JSON.stringify(stream)).not.toContain(marker('stream'));
    // Bad requests with secrets in them are logged and answered without them.
    const bad = await developer.call('update-env-var', {
      params: { serviceId, envVarKey: 'A=B' },
      body: { value: marker('refused') },
    });
    expect(JSON.stringify(bad.body)).not.toContain(marker('refused'));
    // The values do reach a job, and are frozen with it.
    const job = await api.server.run(serviceId, 'test "$GROUP" && test "$SECRET" && echo both');
    expect(job.output).toEqual(['both']);
    // The instance had its files in the clear; it goes when its job is over.
    const { executor } = api.server.running.context;
    await eventually(async () => (await executor.list()).length === 0, { what: 'the end of the instance' });

    const secrets = [
      ...[
        'variable',
        'file',
        'group-variable',
        'group-file',
        'registry',
        'stream',
        'in-address',
        'token',
        'refused',
      ].map(marker),
      key.key,
      webhook.secret,
      webhook.secret.replace('whsec_', ''),
      ADMIN_KEY,
    ];
    expect(group.envVars[0]!.value).toBe(marker('group-variable'));
    const found: string[] = [];
    for (const file of filesBelow(api.server.config.dataDir)) {
      const bytes = readFileSync(file);
      for (const secret of secrets) {
        if (bytes.includes(secret) || bytes.includes(Buffer.from(secret).toString('base64').slice(0, -4))) {
          found.push(`${secret.slice(0, 24)} in ${file}`);
        }
      }
    }
    const log = api.server.logLines.join('');
    found.push(...secrets.filter((secret) => log.includes(secret)));
    expect(found).toEqual([]);
  } finally {
    await api.close();
  }
});
