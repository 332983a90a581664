/** The tables of forwarded output, as Kysely sees them; `schema.ts` has the others. */

export type LogStreamSetting = 'send' | 'drop';

export interface LogStreamsTable {
  workspace_id: string;
  /** `host:port`; '' for nowhere. */
  endpoint: string;
  token_sealed: string | null;
  preview: LogStreamSetting;
  created_at: string;
  updated_at: string;
}

export interface LogStreamOverridesTable {
  /** A service; its jobs and builds follow it. */
  resource_id: string;
  workspace_id: string;
  setting: LogStreamSetting;
  endpoint: string | null;
  token_sealed: string | null;
  created_at: string;
  updated_at: string;
}

export interface LogFeedsTable {
  workspace_id: string;
  /** Jobs and deploys created up to here have their shipments. */
  fed_until: string;
}

/** One segment on its way to its destination. */
export interface LogShipmentsTable {
  resource_id: string;
  segment: string;
  workspace_id: string;
  service_id: string;
  /** Number of the last line that is known to have arrived; -1 before the first. */
  sequence: number;
  is_done: number;
  created_at: string;
}

export interface LogStreamStatesTable {
  workspace_id: string;
  endpoint: string;
  last_success_at: string | null;
  last_error: string | null;
  last_error_at: string | null;
  /** Since when something waits for its delivery. */
  waiting_since: string | null;
}
