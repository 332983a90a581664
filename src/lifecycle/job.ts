/**
 * The life of a job as one pure table. Phases are what Errand stores; statuses are what the API shows.
 * `db/queries/jobs.ts` is the only place that applies a transition.
 */

/** Internal phases, in the order in which a job passes them. */
export const PHASES = [
  'pending', // accepted and durable, waits for capacity
  'starting', // the intent to start is committed; the instance may or may not exist
  'running', // the command has started
  'stopping', // a cause of ending other than the command's own exit is stored; signals are under way
  'succeeded',
  'failed',
  'canceled',
] as const;
export type JobPhase = (typeof PHASES)[number];

/** Statuses of the contract. */
export type JobStatus = 'pending' | 'running' | 'succeeded' | 'failed' | 'canceled';

/** What can happen to a job. */
export const EVENTS = [
  'dispatch', // the dispatcher commits the intent to start
  'requeue', // recovery proved that the command did not start and never will from that attempt
  'started', // the instance took its ticket: the command runs, or ran
  'stop', // a cancel or a timeout became the cause of ending of a started job
  'succeed',
  'fail',
  'cancel',
] as const;
export type JobEvent = (typeof EVENTS)[number];

/** from phase → event → to phase. What is not in the table is refused. */
export const TRANSITIONS: Readonly<Record<JobPhase, Partial<Record<JobEvent, JobPhase>>>> = {
  pending: { dispatch: 'starting', fail: 'failed', cancel: 'canceled' },
  starting: { requeue: 'pending', started: 'running', fail: 'failed', cancel: 'canceled' },
  running: { stop: 'stopping', succeed: 'succeeded', fail: 'failed' },
  stopping: { fail: 'failed', cancel: 'canceled' },
  succeeded: {},
  failed: {},
  canceled: {},
};

/** Final phases: nothing leaves them. */
export const TERMINAL: readonly JobPhase[] = ['succeeded', 'failed', 'canceled'];
/** Phases in which a job's memory and CPU count against the host's capacity. */
export const HOLDS_RESOURCES: readonly JobPhase[] = ['starting', 'running', 'stopping'];
/** Phases in which a cancel is accepted. */
export const CANCELABLE: readonly JobPhase[] = ['pending', 'starting', 'running', 'stopping'];

/** Where `event` leads from `phase`; undefined when it is refused there. */
export function next(phase: JobPhase, event: JobEvent): JobPhase | undefined {
  return TRANSITIONS[phase][event];
}

/** The phases from which `event` is accepted. */
export function sources(event: JobEvent): JobPhase[] {
  return PHASES.filter((phase) => TRANSITIONS[phase][event] !== undefined);
}

export const isTerminal = (phase: JobPhase): boolean => TERMINAL.includes(phase);

/** The contract's status of a phase. A job shows `running` from the instant its command started. */
export function publicStatus(phase: JobPhase): JobStatus {
  switch (phase) {
    case 'pending':
    case 'starting':
      return 'pending';
    case 'running':
    case 'stopping':
      return 'running';
    case 'succeeded':
    case 'failed':
    case 'canceled':
      return phase;
    default:
      return phase satisfies never;
  }
}

/** The phases that a status of the contract covers. */
export function phasesOf(status: JobStatus): JobPhase[] {
  return PHASES.filter((phase) => publicStatus(phase) === status);
}
