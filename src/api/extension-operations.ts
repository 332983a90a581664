/**
 * The operations that Errand has and the contract has not: keys, workspaces, the audit log, credentials of repositories,
 * jobs by their id alone, and the empty lists of kinds that Errand does not run. Described here in the contract's own form, so that everything that
 * is made from the contract (routes, checks, types, documentation, tests) covers them too.
 */

type Json = Record<string, unknown>;

const text = { type: 'string' };
const whole = { type: 'integer' };
const instant = { type: 'string', format: 'date-time' };
const role = { type: 'string', enum: ['admin', 'developer', 'viewer'] };
const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });
const list = (items: Json): Json => ({ type: 'array', items });
const object = (properties: Json, required: string[] = Object.keys(properties)): Json => ({
  type: 'object',
  properties,
  required,
});
const withCursor = (name: string): Json => list(object({ [name]: ref(name), cursor: text }));

export const extensionSchemas: Record<string, Json> = {
  apiKey: object(
    { id: text, name: text, role, prefix: text, createdAt: instant, lastUsedAt: instant, revokedAt: instant },
    ['id', 'name', 'role', 'prefix', 'createdAt'],
  ),
  apiKeyWithSecret: object({ apiKey: ref('apiKey'), key: text }),
  workspace: object({ id: text, name: text, email: text, createdAt: instant }),
  workspaceWithKey: object({ workspace: ref('workspace'), apiKey: ref('apiKey'), key: text }),
  repositoryCredential: object(
    {
      type: { type: 'string', enum: ['none', 'token', 'sshKey'] },
      username: text,
      hostKey: { type: 'string', enum: ['given', 'remembered', 'unknown'] },
    },
    ['type'],
  ),
  auditEntry: object(
    {
      id: text,
      timestamp: instant,
      keyId: text,
      keyName: text,
      action: text,
      target: text,
      status: whole,
      ipAddress: text,
      requestId: text,
      message: text,
    },
    ['id', 'timestamp', 'keyId', 'action', 'status', 'ipAddress', 'requestId'],
  ),
};

interface Extension {
  id: string;
  method: 'get' | 'post' | 'put' | 'delete';
  path: string;
  query?: Record<string, Json>;
  body?: Json;
  status?: number;
  answer?: Json;
}

const PAGE = { cursor: text, limit: whole };

/** What live output is asked for by; `after` takes the ids of the last lines that a client has. */
const LIVE_LOGS = {
  ownerId: text,
  resource: list(text),
  startTime: text,
  endTime: text,
  after: text,
  ...Object.fromEntries(['instance', 'level', 'type', 'text'].map((name) => [name, list(text)])),
};

/** Kinds of resources that clients list and Errand does not run, by path and the word for one of them. */
const ABSENT_KINDS = [
  ['postgres', 'postgresId'],
  ['key-value', 'keyValueId'],
  ['redis', 'redisId'],
  ['workflows', 'workflowId'],
  ['blueprints', 'blueprintId'],
] as const;
export const absentKinds = ABSENT_KINDS.map(([kind]) => kind);

/** Kinds of metrics that clients ask for and Errand does not measure: it has none of them. */
const ABSENT_METRICS = [
  'active-connections',
  'bandwidth',
  'bandwidth-sources',
  'cpu-target',
  'disk-capacity',
  'disk-usage',
  'http-latency',
  'http-requests',
  'instance-count',
  'memory-target',
  'replication-lag',
  'task-runs-completed',
  'task-runs-queued',
] as const;
const ABSENT_METRIC_FILTERS = ['application', 'http', 'path'] as const;
/** The operations that answer an empty list, for want of what they would list. */
export const absentMetrics = [
  ...ABSENT_METRICS.map((kind) => `get-${kind}` as const),
  ...ABSENT_METRIC_FILTERS.map((kind) => `list-${kind}-filter-values` as const),
];

const extensions: Extension[] = [
  { id: 'list-keys', method: 'get', path: '/keys', query: PAGE, answer: withCursor('apiKey') },
  {
    id: 'create-key',
    method: 'post',
    path: '/keys',
    body: object({ name: text, role }),
    status: 201,
    answer: ref('apiKeyWithSecret'),
  },
  {
    id: 'prove-server',
    method: 'get',
    path: '/proof',
    query: { nonce: text },
    answer: object({ proof: text }),
  },
  { id: 'revoke-key', method: 'delete', path: '/keys/{keyId}', status: 204 },
  { id: 'list-workspaces', method: 'get', path: '/workspaces', query: PAGE, answer: withCursor('workspace') },
  {
    id: 'create-workspace',
    method: 'post',
    path: '/workspaces',
    body: object({ name: text, email: text }, ['name']),
    status: 201,
    answer: ref('workspaceWithKey'),
  },
  {
    id: 'list-audit-entries',
    method: 'get',
    path: '/audit',
    query: { ...PAGE, action: list(text), keyId: list(text), before: text, after: text },
    answer: withCursor('auditEntry'),
  },
  {
    id: 'get-repository-credential',
    method: 'get',
    path: '/services/{serviceId}/repository-credential',
    answer: ref('repositoryCredential'),
  },
  {
    id: 'set-repository-credential',
    method: 'put',
    path: '/services/{serviceId}/repository-credential',
    body: object({ token: text, username: text, sshPrivateKey: text, knownHosts: text }, []),
    answer: ref('repositoryCredential'),
  },
  {
    id: 'delete-repository-credential',
    method: 'delete',
    path: '/services/{serviceId}/repository-credential',
    status: 204,
  },
  { id: 'job-by-id', method: 'get', path: '/jobs/{jobId}', answer: ref('job') },
  {
    id: 'wait-for-job',
    method: 'get',
    path: '/jobs/{jobId}/wait',
    query: { timeoutSeconds: { type: 'number' } },
    answer: ref('job'),
  },
  // Server-sent events: no JSON to describe. The other parameters are those of the contract's subscription.
  { id: 'stream-logs', method: 'get', path: '/logs/stream', query: LIVE_LOGS },
  ...ABSENT_METRICS.map((kind): Extension => emptyMetrics(`get-${kind}`, `/metrics/${kind}`)),
  ...ABSENT_METRIC_FILTERS.map(
    (kind): Extension => emptyMetrics(`list-${kind}-filter-values`, `/metrics/filters/${kind}`),
  ),
  ...ABSENT_KINDS.flatMap(([kind, idName]): Extension[] => [
    { id: `list-${kind}`, method: 'get', path: `/${kind}`, answer: list({ type: 'object' }) },
    { id: `retrieve-${kind}`, method: 'get', path: `/${kind}/{${idName}}`, answer: { type: 'object' } },
  ]),
];

function emptyMetrics(id: string, path: string): Extension {
  return { id, method: 'get', path, answer: list({ type: 'object' }) };
}

/** Path items in the form of OpenAPI, marked as Errand's own. */
export function extensionPathItems(): Record<string, Record<string, Json>> {
  const paths: Record<string, Record<string, Json>> = {};
  for (const extension of extensions) {
    paths[extension.path] = { ...paths[extension.path], [extension.method]: describe(extension) };
  }
  return paths;
}

function describe({ id, path, query = {}, body, status = 200, answer }: Extension): Json {
  const pathParameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: text,
  }));
  const queryParameters = Object.entries(query).map(([name, schema]) => ({ name, in: 'query', schema }));
  const content = (schema: Json): Json => ({ 'application/json': { schema } });
  return {
    operationId: id,
    'x-errand-extension': true,
    parameters: [...pathParameters, ...queryParameters],
    ...(body ? { requestBody: { required: true, content: content(body) } } : {}),
    responses: { [status]: { description: '', ...(answer ? { content: content(answer) } : {}) } },
  };
}
