/** The tables as Kysely sees them. Instants are RFC 3339 texts with microseconds; `*_sealed` columns are encrypted. */

import type { DeployPhase } from '../lifecycle/deploy.ts';
import type { JobEvent, JobPhase } from '../lifecycle/job.ts';
import type {
  LogFeedsTable,
  LogShipmentsTable,
  LogStreamOverridesTable,
  LogStreamStatesTable,
  LogStreamsTable,
} from './log-tables.ts';

export type {
  LogFeedsTable,
  LogShipmentsTable,
  LogStreamOverridesTable,
  LogStreamSetting,
  LogStreamStatesTable,
  LogStreamsTable,
} from './log-tables.ts';

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
  /** The executor that builds it; none before, or from before this was kept. */
  engine: string | null;
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
export type EndCause =
  | 'exit'
  | 'cancel'
  | 'timeout'
  | 'oom'
  | 'lost'
  | 'hostStopped'
  | 'startFailed'
  | 'diskFull';

export interface JobsTable {
  id: string;
  workspace_id: string;
  service_id: string;
  start_command: string;
  plan_id: string;
  phase: JobPhase;
  snapshot_id: string;
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
  /** The executor that started it; none while it waits, or from before this was kept. */
  engine: string | null;
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

/** Never changed once written; jobs of one service that were created in the same circumstances share one. */
export interface SnapshotsTable {
  id: string;
  service_id: string;
  sealed: string;
  created_at: string;
}

export interface JobTransitionsTable {
  job_id: string;
  event: JobEvent;
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

export interface ProjectsTable {
  id: string;
  workspace_id: string;
  name: string;
  created_at: string;
  updated_at: string;
}

export interface EnvironmentsTable {
  id: string;
  workspace_id: string;
  project_id: string;
  name: string;
  protected_status: 'protected' | 'unprotected';
  network_isolation: number;
  /** JSON of the contract's list, where one was given. */
  ip_allow_list: string | null;
  created_at: string;
  updated_at: string;
}

export interface EnvGroupsTable {
  id: string;
  workspace_id: string;
  name: string;
  environment_id: string | null;
  created_at: string;
  updated_at: string;
}

export interface EnvGroupLinksTable {
  group_id: string;
  service_id: string;
  created_at: string;
}

export interface RegistryCredentialsTable {
  id: string;
  workspace_id: string;
  name: string;
  registry: string;
  username: string;
  token_sealed: string;
  created_at: string;
  updated_at: string;
}

export interface DisksTable {
  id: string;
  workspace_id: string;
  service_id: string;
  name: string;
  size_gb: number;
  mount_path: string;
  created_at: string;
  updated_at: string;
}

export interface CustomDomainsTable {
  id: string;
  workspace_id: string;
  service_id: string;
  name: string;
  domain_type: 'apex' | 'subdomain';
  public_suffix: string;
  redirect_for_name: string;
  verification_status: 'verified' | 'unverified';
  created_at: string;
}

export interface NotificationSettingsTable {
  workspace_id: string;
  email_enabled: number;
  preview_enabled: number;
  to_send: 'none' | 'failure' | 'all';
}

export interface NotificationOverridesTable {
  service_id: string;
  workspace_id: string;
  preview_enabled: 'default' | 'false' | 'true';
  to_send: 'default' | 'none' | 'failure' | 'all';
}

export interface WebhooksTable {
  id: string;
  workspace_id: string;
  name: string;
  url: string;
  enabled: number;
  /** JSON list of event types; empty means all. */
  event_filter: string;
  secret_sealed: string;
  created_at: string;
  updated_at: string;
}

/** One try to deliver an event. */
export interface WebhookAttemptsTable {
  id: string;
  webhook_id: string;
  workspace_id: string;
  event_id: string;
  event_type: string;
  status_code: number | null;
  response_body: string | null;
  error: string | null;
  created_at: string;
}

/** A run of a cron job. At most one of a service is started, and at most one waits for the end of that one. */
export interface CronRunsTable {
  id: string;
  workspace_id: string;
  service_id: string;
  /** The job that carries it out; none while it waits, or when it never came to one. */
  job_id: string | null;
  state: 'waiting' | 'started' | 'ended';
  /** As the API shows it. */
  status: 'pending' | 'successful' | 'unsuccessful' | 'canceled';
  /** The key that asked for it, or `schedule`. */
  triggered_by: string;
  canceled_by: string | null;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
}

export interface UsageSamplesTable {
  job_id: string;
  workspace_id: string;
  service_id: string;
  at: string;
  /** Thousandths of a CPU, on average since the sample before. */
  cpu_millis: number;
  memory_bytes: number;
  cpu_limit_millis: number;
  memory_limit_bytes: number;
}

/** The answer to a request that named an idempotency key. */
export interface StoredAnswersTable {
  workspace_id: string;
  request_key: string;
  sealed: string;
  created_at: string;
}

export interface AuditEntriesTable {
  id: string;
  workspace_id: string;
  key_id: string;
  /** The operation's id. */
  action: string;
  /** The id of what was changed or read. */
  target: string | null;
  status: number;
  ip_address: string;
  request_id: string;
  /** Why it was refused. */
  message: string | null;
  created_at: string;
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
  snapshots: SnapshotsTable;
  job_transitions: JobTransitionsTable;
  events: EventsTable;
  usage_records: UsageRecordsTable;
  settings: SettingsTable;
  projects: ProjectsTable;
  environments: EnvironmentsTable;
  env_groups: EnvGroupsTable;
  env_group_links: EnvGroupLinksTable;
  registry_credentials: RegistryCredentialsTable;
  disks: DisksTable;
  custom_domains: CustomDomainsTable;
  notification_settings: NotificationSettingsTable;
  notification_overrides: NotificationOverridesTable;
  webhooks: WebhooksTable;
  webhook_attempts: WebhookAttemptsTable;
  cron_runs: CronRunsTable;
  usage_samples: UsageSamplesTable;
  stored_answers: StoredAnswersTable;
  audit_entries: AuditEntriesTable;
  log_streams: LogStreamsTable;
  log_stream_overrides: LogStreamOverridesTable;
  log_feeds: LogFeedsTable;
  log_shipments: LogShipmentsTable;
  log_stream_states: LogStreamStatesTable;
}
