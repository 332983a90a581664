/** What Errand's API has beyond the contract, as a client sees it. */
import type { FailureReason, Job, Operations } from '../api/contract-types.ts';

/** Why a job did not end by itself, or ended badly. */
export type EndReason = FailureReason & { canceled?: string; lost?: string; startFailed?: string };

export type ErrandJob = Job & {
  exitCode?: number;
  /** Name such as SIGKILL. */
  signal?: string;
  reason?: EndReason;
  timeoutSeconds?: number;
};

/** Operations that the contract has with fewer fields, or not at all. */
export interface ExtensionOperations {
  'post-job': {
    params: { serviceId: string };
    query: Record<never, never>;
    body: { startCommand: string; planId?: string; timeoutSeconds?: number };
    answer: ErrandJob;
  };
  'list-job': Omit<Operations['list-job'], 'answer'> & { answer: { job: ErrandJob; cursor: string }[] };
  'cancel-job': Omit<Operations['cancel-job'], 'answer'> & { answer: ErrandJob };
  'job-by-id': { params: { jobId: string }; query: Record<never, never>; body: undefined; answer: ErrandJob };
  /** Answers when the job is final or the time is over, with the job as it is then. */
  'wait-for-job': {
    params: { jobId: string };
    query: { timeoutSeconds?: number };
    body: undefined;
    answer: ErrandJob;
  };
}

/** Paths that are Errand's own. */
export const extensionPaths: Record<string, readonly [method: 'GET', path: string]> = {
  'job-by-id': ['GET', '/jobs/{jobId}'],
  'wait-for-job': ['GET', '/jobs/{jobId}/wait'],
};
