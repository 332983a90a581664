/** Workspaces, keys, services with their configuration, deploys, artifacts, jobs, events and usage. */
export const initial = `
CREATE TABLE workspaces (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL, created_at TEXT NOT NULL
);
CREATE TABLE api_keys (
  id TEXT PRIMARY KEY, workspace_id TEXT NOT NULL REFERENCES workspaces(id), name TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('admin', 'developer', 'viewer')),
  hash TEXT NOT NULL UNIQUE, prefix TEXT NOT NULL,
  created_at TEXT NOT NULL, last_used_at TEXT, revoked_at TEXT
);
CREATE TABLE services (
  id TEXT PRIMARY KEY, workspace_id TEXT NOT NULL REFERENCES workspaces(id),
  type TEXT NOT NULL CHECK (type IN ('web_service', 'private_service', 'background_worker', 'cron_job')),
  name TEXT NOT NULL, slug TEXT NOT NULL UNIQUE,
  runtime TEXT NOT NULL, plan TEXT NOT NULL, region TEXT NOT NULL,
  repo TEXT, branch TEXT, root_dir TEXT NOT NULL DEFAULT '', image TEXT,
  environment_id TEXT,
  suspended INTEGER NOT NULL DEFAULT 0, suspenders TEXT NOT NULL DEFAULT '[]',
  details TEXT NOT NULL, extra TEXT NOT NULL DEFAULT '{}',
  live_deploy_id TEXT,
  created_at TEXT NOT NULL, updated_at TEXT NOT NULL, deleted_at TEXT
);
CREATE INDEX services_by_workspace ON services (workspace_id, created_at, id);
CREATE INDEX services_by_name ON services (workspace_id, name);
CREATE TABLE env_vars (
  owner_id TEXT NOT NULL, key TEXT NOT NULL, position BIGINT NOT NULL, value_sealed TEXT NOT NULL,
  created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
  PRIMARY KEY (owner_id, key)
);
CREATE TABLE secret_files (
  owner_id TEXT NOT NULL, name TEXT NOT NULL, position BIGINT NOT NULL, content_sealed TEXT NOT NULL,
  created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
  PRIMARY KEY (owner_id, name)
);
CREATE TABLE deploys (
  id TEXT PRIMARY KEY, service_id TEXT NOT NULL REFERENCES services(id),
  workspace_id TEXT NOT NULL REFERENCES workspaces(id),
  status TEXT NOT NULL, trigger TEXT NOT NULL,
  commit_id TEXT, commit_message TEXT, commit_created_at TEXT,
  wanted_commit TEXT, clear_cache INTEGER NOT NULL DEFAULT 0, image TEXT,
  artifact_id TEXT, failure TEXT,
  created_at TEXT NOT NULL, updated_at TEXT NOT NULL, started_at TEXT, finished_at TEXT
);
CREATE INDEX deploys_by_service ON deploys (service_id, created_at, id);
CREATE INDEX deploys_active ON deploys (status, created_at, id) WHERE status IN ('queued', 'build_in_progress');
CREATE TABLE artifacts (
  id TEXT PRIMARY KEY, service_id TEXT NOT NULL, workspace_id TEXT NOT NULL, deploy_id TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('tree', 'image')),
  location TEXT NOT NULL, root_dir TEXT NOT NULL DEFAULT '', git TEXT NOT NULL DEFAULT '{}',
  size_bytes BIGINT NOT NULL DEFAULT 0, created_at TEXT NOT NULL, removed_at TEXT
);
CREATE INDEX artifacts_by_service ON artifacts (service_id, created_at);
CREATE TABLE snapshots (
  id TEXT PRIMARY KEY, service_id TEXT NOT NULL, sealed TEXT NOT NULL, created_at TEXT NOT NULL
);
CREATE TABLE jobs (
  id TEXT PRIMARY KEY, workspace_id TEXT NOT NULL, service_id TEXT NOT NULL,
  start_command TEXT NOT NULL, plan_id TEXT NOT NULL,
  phase TEXT NOT NULL CHECK (phase IN
    ('pending', 'starting', 'running', 'stopping', 'succeeded', 'failed', 'canceled')),
  snapshot_id TEXT NOT NULL REFERENCES snapshots(id), artifact_id TEXT NOT NULL,
  memory_bytes BIGINT NOT NULL, cpu_millis BIGINT NOT NULL,
  timeout_seconds BIGINT NOT NULL, grace_seconds BIGINT NOT NULL,
  end_cause TEXT, exit_code INTEGER, signal TEXT, reason TEXT,
  boot_id TEXT, deadline_monotonic_ms BIGINT, stop_monotonic_ms BIGINT,
  created_at TEXT NOT NULL, started_at TEXT, finished_at TEXT, updated_at TEXT NOT NULL,
  CHECK ((phase IN ('succeeded', 'failed', 'canceled')) = (finished_at IS NOT NULL)),
  CHECK (phase <> 'succeeded' OR (exit_code = 0 AND started_at IS NOT NULL)),
  CHECK (phase NOT IN ('running', 'stopping') OR started_at IS NOT NULL),
  CHECK (phase <> 'stopping' OR end_cause IS NOT NULL)
);
CREATE INDEX jobs_by_service ON jobs (service_id, created_at, id);
CREATE INDEX jobs_by_service_phase ON jobs (service_id, phase, created_at, id);
CREATE INDEX jobs_by_workspace ON jobs (workspace_id, created_at, id);
CREATE INDEX jobs_unfinished ON jobs (phase, created_at, id)
  WHERE phase IN ('pending', 'starting', 'running', 'stopping');
CREATE INDEX jobs_by_started ON jobs (service_id, started_at);
CREATE INDEX jobs_by_finished ON jobs (service_id, finished_at);
CREATE TABLE events (
  id TEXT PRIMARY KEY, workspace_id TEXT NOT NULL, service_id TEXT NOT NULL,
  type TEXT NOT NULL, details TEXT NOT NULL, created_at TEXT NOT NULL
);
CREATE INDEX events_by_service ON events (service_id, created_at, id);
CREATE TABLE job_transitions (
  job_id TEXT NOT NULL REFERENCES jobs(id), event TEXT NOT NULL, to_phase TEXT NOT NULL, at TEXT NOT NULL
);
CREATE INDEX transitions_by_job ON job_transitions (job_id, at);
CREATE TABLE usage_records (
  job_id TEXT PRIMARY KEY REFERENCES jobs(id), workspace_id TEXT NOT NULL, service_id TEXT NOT NULL,
  plan_id TEXT NOT NULL, started_at TEXT NOT NULL, finished_at TEXT NOT NULL,
  seconds BIGINT NOT NULL, cost_micro_usd BIGINT NOT NULL
);
CREATE INDEX usage_by_workspace ON usage_records (workspace_id, finished_at);
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
`;
