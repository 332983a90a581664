/** Forwarding of output: where to, what of it was delivered, and how it goes. */
export const logStreams = `
CREATE TABLE log_streams (
  workspace_id TEXT PRIMARY KEY REFERENCES workspaces(id), endpoint TEXT NOT NULL, token_sealed TEXT,
  preview TEXT NOT NULL CHECK (preview IN ('send', 'drop')),
  created_at TEXT NOT NULL, updated_at TEXT NOT NULL
);
CREATE TABLE log_stream_overrides (
  resource_id TEXT PRIMARY KEY REFERENCES services(id), workspace_id TEXT NOT NULL REFERENCES workspaces(id),
  setting TEXT NOT NULL CHECK (setting IN ('send', 'drop')), endpoint TEXT, token_sealed TEXT,
  created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
  CHECK ((setting = 'send') = (endpoint IS NOT NULL))
);
CREATE INDEX log_stream_overrides_by_workspace ON log_stream_overrides (workspace_id, created_at, resource_id);
CREATE TABLE log_feeds (
  workspace_id TEXT PRIMARY KEY REFERENCES workspaces(id), fed_until TEXT NOT NULL
);
CREATE TABLE log_shipments (
  resource_id TEXT NOT NULL, segment TEXT NOT NULL, workspace_id TEXT NOT NULL, service_id TEXT NOT NULL,
  sequence BIGINT NOT NULL DEFAULT -1, is_done INTEGER NOT NULL DEFAULT 0, created_at TEXT NOT NULL,
  PRIMARY KEY (resource_id, segment)
);
CREATE INDEX log_shipments_open ON log_shipments (workspace_id, created_at) WHERE is_done = 0;
CREATE INDEX log_shipments_done ON log_shipments (created_at) WHERE is_done = 1;
CREATE TABLE log_stream_states (
  workspace_id TEXT NOT NULL REFERENCES workspaces(id), endpoint TEXT NOT NULL,
  last_success_at TEXT, last_error TEXT, last_error_at TEXT, waiting_since TEXT,
  PRIMARY KEY (workspace_id, endpoint)
);
`;
