/** The tables as Kysely sees them. Instants are RFC 3339 texts with microseconds; `*_sealed` columns are encrypted. */
import type { DeployPhase } from '../lifecycle/deploy.ts';
import type { JobEvent, JobPhase } from '../lifecycle/job.ts';

export type Role = 'admin' | 'developer' | 'viewer';
export type ServiceKind = 'web_service' | 'private_service' | 'background_worker' | 'cron_job';

export interface WorkspacesTable {
  id: string;
  name: string;
  email: string;
  created_at: string;
}

export interface ApiKeysTable {
  id: string;
  workspace_id: string;
  name: string;
  role: Role;
  /** SHA-256 of the key, hex. */
  hash: string;
  /** The first characters, to recognise a key by. */
  prefix: string;
  created_at: string;
  last_used_at: string | null;
  revoked_at: string | null;
}

export interface ServicesTable {
  id: string;
  workspace_id: string;
  type: ServiceKind;
  name: string;
  slug: string;
  runtime: string;
  plan: string;
  region: string;
  repo: string | null;
  branch: string | null;
  root_dir: string;
  /** JSON of the contract's `image`. */
  image: string | null;
  environment_id: string | null;
  suspended: number;
  /** JSON list of the contract's suspender types. */
  suspenders: string;
  /** JSON of the contract's `serviceDetails`, as given, with defaults filled in. */
  details: string;
  /** JSON of the remaining top-level fields of a service that Errand records and returns. */
  extra: string;
  live_deploy_id: string | null;
  created_at: string;
  updated_at: string;
  deleted_at: string | null;
}

export interface EnvVarsTable {
  /** A service or an environment group. */
  owner_id: string;
  key: string;
  /** Order in which lists show them; larger is newer. */
  position: number;
  value_sealed: string;
  created_at: string;
  updated_at: string;
}

export interface SecretFilesTable {
  owner_id: string;
  name: string;
  position: number;
  content_sealed: string;
  created_at: string;
  updated_at: string;
}

export interface DeploysTable {
  id: string;
  service_id: string;
  workspace_id: string;
  status: DeployPhase;
  trigger: string;
  commit_id: string | null;
  commit_message: string | null;
  commit_created_at: string | null;
  /** The commit that the request named, where it named one. */
  wanted_commit: string | null;
  clear_cache: number;
  image: string | null;
  artifact_id: string | null;
  /** Why it failed, for people. */
  failure: string | null;
  created_at: string;
  updated_at: string;
  started_at: string | null;
  finished_at: string | null;
}

export interface ArtifactsTable {
  id: string;
  service_id: string;
  workspace_id: string;
  deploy_id: string;
  kind: 'tree' | 'image';
  /** A folder below the data folder, or an image digest. */
  location: string;
  root_dir: string;
  /** JSON `{commit, branch, repoSlug}`. */
  git: string;
  size_bytes: number;
  created_at: string;
  removed_at: string | null;
}

/** What ended, or is ending, a job; the first to be stored stays. */
export type EndCause = 'exit' | 'cancel' | 'timeout' | 'oom' | 'lost' | 'startFailed';

export interface JobsTable {
  id: string;
  workspace_id: string;
  service_id: string;
  start_command: string;
  plan_id: string;
  phase: JobPhase;
  artifact_id: string;
  memory_bytes: number;
  cpu_millis: number;
  timeout_seconds: number;
  grace_seconds: number;
  end_cause: EndCause | null;
  exit_code: number | null;
  signal: string | null;
  /** JSON of the reason that the API shows. */
  reason: string | null;
  /** Identity of the host's boot in which the job was started. */
  boot_id: string | null;
  /** Instants on the monotonic clock of that boot: when the timeout fires, when SIGKILL follows SIGTERM. */
  deadline_monotonic_ms: number | null;
  stop_monotonic_ms: number | null;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
  updated_at: string;
}

export interface JobSnapshotsTable {
  job_id: string;
  sealed: string;
}

export interface JobTransitionsTable {
  job_id: string;
  ordinal: number;
  event: JobEvent | 'create';
  from_phase: JobPhase | null;
  to_phase: JobPhase;
  at: string;
}

export interface EventsTable {
  id: string;
  workspace_id: string;
  service_id: string;
  type: string;
  /** JSON of the contract's event details. */
  details: string;
  created_at: string;
}

export interface UsageRecordsTable {
  job_id: string;
  workspace_id: string;
  service_id: string;
  plan_id: string;
  started_at: string;
  finished_at: string;
  /** Begun seconds count as whole ones. */
  seconds: number;
  cost_micro_usd: number;
}

export interface SettingsTable {
  name: string;
  value: string;
}

export interface Schema {
  workspaces: WorkspacesTable;
  api_keys: ApiKeysTable;
  services: ServicesTable;
  env_vars: EnvVarsTable;
  secret_files: SecretFilesTable;
  deploys: DeploysTable;
  artifacts: ArtifactsTable;
  jobs: JobsTable;
  job_snapshots: JobSnapshotsTable;
  job_transitions: JobTransitionsTable;
  events: EventsTable;
  usage_records: UsageRecordsTable;
  settings: SettingsTable;
}
