/** What clients manage beside services, the stored answers of repeated requests, the audit log and samples of usage. */
export const contractResources = `
CREATE TABLE projects (
  id TEXT PRIMARY KEY, workspace_id TEXT NOT NULL REFERENCES workspaces(id),
  name TEXT NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL
);
CREATE INDEX projects_by_workspace ON projects (workspace_id, created_at, id);
CREATE TABLE environments (
  id TEXT PRIMARY KEY, workspace_id TEXT NOT NULL REFERENCES workspaces(id),
  project_id TEXT NOT NULL REFERENCES projects(id), name TEXT NOT NULL,
  protected_status TEXT NOT NULL, network_isolation INTEGER NOT NULL, ip_allow_list TEXT,
  created_at TEXT NOT NULL, updated_at TEXT NOT NULL
);
CREATE INDEX environments_by_project ON environments (project_id, created_at, id);
CREATE INDEX services_by_environment ON services (environment_id) WHERE environment_id IS NOT NULL;
CREATE TABLE env_groups (
  id TEXT PRIMARY KEY, workspace_id TEXT NOT NULL REFERENCES workspaces(id),
  name TEXT NOT NULL, environment_id TEXT, created_at TEXT NOT NULL, updated_at TEXT NOT NULL
);
CREATE INDEX env_groups_by_workspace ON env_groups (workspace_id, created_at, id);
CREATE INDEX env_groups_by_environment ON env_groups (environment_id) WHERE environment_id IS NOT NULL;
CREATE TABLE env_group_links (
  group_id TEXT NOT NULL REFERENCES env_groups(id), service_id TEXT NOT NULL REFERENCES services(id),
  created_at TEXT NOT NULL,
  PRIMARY KEY (service_id, group_id)
);
CREATE INDEX env_group_links_by_group ON env_group_links (group_id);
CREATE TABLE registry_credentials (
  id TEXT PRIMARY KEY, workspace_id TEXT NOT NULL REFERENCES workspaces(id),
  name TEXT NOT NULL, registry TEXT NOT NULL, username TEXT NOT NULL, token_sealed TEXT NOT NULL,
  created_at TEXT NOT NULL, updated_at TEXT NOT NULL
);
CREATE INDEX registry_credentials_by_workspace ON registry_credentials (workspace_id, created_at, id);
CREATE TABLE disks (
  id TEXT PRIMARY KEY, workspace_id TEXT NOT NULL REFERENCES workspaces(id),
  service_id TEXT NOT NULL UNIQUE REFERENCES services(id),
  name TEXT NOT NULL, size_gb BIGINT NOT NULL, mount_path TEXT NOT NULL,
  created_at TEXT NOT NULL, updated_at TEXT NOT NULL
);
CREATE INDEX disks_by_workspace ON disks (workspace_id, created_at, id);
CREATE TABLE custom_domains (
  id TEXT PRIMARY KEY, workspace_id TEXT NOT NULL REFERENCES workspaces(id),
  service_id TEXT NOT NULL REFERENCES services(id),
  name TEXT NOT NULL, domain_type TEXT NOT NULL, public_suffix TEXT NOT NULL, redirect_for_name TEXT NOT NULL,
  verification_status TEXT NOT NULL, created_at TEXT NOT NULL,
  UNIQUE (workspace_id, name)
);
CREATE INDEX custom_domains_by_service ON custom_domains (service_id, created_at, id);
CREATE TABLE notification_settings (
  workspace_id TEXT PRIMARY KEY REFERENCES workspaces(id),
  email_enabled INTEGER NOT NULL, preview_enabled INTEGER NOT NULL, to_send TEXT NOT NULL
);
CREATE TABLE notification_overrides (
  service_id TEXT PRIMARY KEY REFERENCES services(id), workspace_id TEXT NOT NULL REFERENCES workspaces(id),
  preview_enabled TEXT NOT NULL, to_send TEXT NOT NULL
);
CREATE TABLE webhooks (
  id TEXT PRIMARY KEY, workspace_id TEXT NOT NULL REFERENCES workspaces(id),
  name TEXT NOT NULL, url TEXT NOT NULL, enabled INTEGER NOT NULL, event_filter TEXT NOT NULL,
  secret_sealed TEXT NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL
);
CREATE INDEX webhooks_by_workspace ON webhooks (workspace_id, created_at, id);
CREATE TABLE webhook_attempts (
  id TEXT PRIMARY KEY, webhook_id TEXT NOT NULL, workspace_id TEXT NOT NULL,
  event_id TEXT NOT NULL, event_type TEXT NOT NULL,
  status_code INTEGER, response_body TEXT, error TEXT, created_at TEXT NOT NULL
);
CREATE INDEX webhook_attempts_by_webhook ON webhook_attempts (webhook_id, created_at, id);
CREATE TABLE cron_runs (
  id TEXT PRIMARY KEY, workspace_id TEXT NOT NULL REFERENCES workspaces(id),
  service_id TEXT NOT NULL REFERENCES services(id), job_id TEXT UNIQUE,
  state TEXT NOT NULL CHECK (state IN ('waiting', 'started', 'ended')),
  status TEXT NOT NULL, triggered_by TEXT NOT NULL, canceled_by TEXT,
  created_at TEXT NOT NULL, started_at TEXT, finished_at TEXT,
  CHECK ((state = 'ended') = (finished_at IS NOT NULL)),
  CHECK (state <> 'started' OR job_id IS NOT NULL)
);
CREATE INDEX cron_runs_by_service ON cron_runs (service_id, created_at, id);
CREATE UNIQUE INDEX cron_runs_one_started ON cron_runs (service_id) WHERE state = 'started';
CREATE UNIQUE INDEX cron_runs_one_waiting ON cron_runs (service_id) WHERE state = 'waiting';
CREATE TABLE usage_samples (
  job_id TEXT NOT NULL, workspace_id TEXT NOT NULL, service_id TEXT NOT NULL,
  at TEXT NOT NULL, cpu_millis BIGINT NOT NULL, memory_bytes BIGINT NOT NULL,
  cpu_limit_millis BIGINT NOT NULL, memory_limit_bytes BIGINT NOT NULL,
  PRIMARY KEY (job_id, at)
);
CREATE INDEX usage_samples_by_service ON usage_samples (service_id, at);
CREATE INDEX usage_samples_by_time ON usage_samples (at);
CREATE TABLE stored_answers (
  workspace_id TEXT NOT NULL, request_key TEXT NOT NULL, sealed TEXT NOT NULL, created_at TEXT NOT NULL,
  PRIMARY KEY (workspace_id, request_key)
);
CREATE INDEX stored_answers_by_time ON stored_answers (created_at);
CREATE TABLE audit_entries (
  id TEXT PRIMARY KEY, workspace_id TEXT NOT NULL, key_id TEXT NOT NULL,
  action TEXT NOT NULL, target TEXT, status INTEGER NOT NULL,
  ip_address TEXT NOT NULL, request_id TEXT NOT NULL, message TEXT, created_at TEXT NOT NULL
);
CREATE INDEX audit_entries_by_workspace ON audit_entries (workspace_id, created_at, id);
`;
