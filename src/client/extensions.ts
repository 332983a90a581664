/** What Errand's API has beyond the contract, as a client sees it. */
import type { FailureReason, Job } from '../api/contract-types.ts';

/** Why a job did not end by itself, or ended badly. */
export type EndReason = FailureReason & { canceled?: string; lost?: string; startFailed?: string };

export type ErrandJob = Job & {
  exitCode?: number;
  /** Name such as SIGKILL. */
  signal?: string;
  reason?: EndReason;
  timeoutSeconds?: number;
};

/** Operations without a counterpart in the contract: method, path and the types of the call. */
export interface ExtensionOperations {
  'job-by-id': { params: { jobId: string }; query: Record<never, never>; body: undefined; answer: ErrandJob };
  /** Answers when the job is final or the time is over, with the job as it is then. */
  'wait-for-job': {
    params: { jobId: string };
    query: { timeoutSeconds?: number };
    body: undefined;
    answer: ErrandJob;
  };
}

export const extensionOperations: {
  [Id in keyof ExtensionOperations]: readonly [method: 'GET', path: string];
} = {
  'job-by-id': ['GET', '/jobs/{jobId}'],
  'wait-for-job': ['GET', '/jobs/{jobId}/wait'],
};
