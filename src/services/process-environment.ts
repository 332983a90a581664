/** The variables that Errand itself gives to a build or a job. The service's own variables win over them. */
import type { ServiceKind } from '../db/schema.ts';
import { Secret } from '../shared/secret.ts';

export interface ProcessFacts {
  service: { id: string; name: string; type: ServiceKind; runtime: string };
  instanceId: string;
  /** Thousandths of a CPU. */
  cpuMillis: number;
  git?: { commit?: string; branch?: string; repoSlug?: string };
  jobId?: string;
  /** A build has a deploy's id for instance, and needs what a production host leaves out, such as compilers. */
  isBuild?: boolean;
}

/** Names of the service types as the variable RENDER_SERVICE_TYPE has them. */
const TYPE_NAMES: Record<ServiceKind, string> = {
  web_service: 'web',
  private_service: 'pserv',
  background_worker: 'worker',
  cron_job: 'cron',
};

/** What programs of a runtime expect of a production host. */
const RUNTIME_DEFAULTS: Record<string, Record<string, string>> = {
  node: { NODE_ENV: 'production' },
  python: { PYTHONUNBUFFERED: '1' },
  ruby: { RAILS_ENV: 'production', RACK_ENV: 'production', RAILS_LOG_TO_STDOUT: 'enabled' },
  elixir: { MIX_ENV: 'prod' },
};

/** Errand's variables overlaid by the service's. */
export function processEnvironment(facts: ProcessFacts, own: Record<string, Secret>): Record<string, Secret> {
  const { service, git } = facts;
  const given: Record<string, string | undefined> = {
    ...RUNTIME_DEFAULTS[service.runtime],
    // Package managers leave out the tools of a build where this says production.
    ...(facts.isBuild ? { NODE_ENV: undefined } : {}),
    RENDER: 'true',
    IS_PULL_REQUEST: 'false',
    RENDER_SERVICE_ID: service.id,
    RENDER_SERVICE_NAME: service.name,
    RENDER_SERVICE_TYPE: TYPE_NAMES[service.type],
    RENDER_INSTANCE_ID: facts.instanceId,
    RENDER_CPU_COUNT: String(facts.cpuMillis / 1000),
    RENDER_GIT_COMMIT: git?.commit,
    RENDER_GIT_BRANCH: git?.branch,
    RENDER_GIT_REPO_SLUG: git?.repoSlug,
    ERRAND_JOB_ID: facts.jobId,
  };
  const present = Object.entries(given).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, new Secret(value)] as const],
  );
  return { ...Object.fromEntries(present), ...own };
}
