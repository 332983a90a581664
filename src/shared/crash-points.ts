/**
 * Named instants at which a crash would be worst. The torture run kills the server at each of them; in production
 * none is armed and a call costs one comparison.
 */

/** Every point, in the order in which a job meets them. docs/recovery.md says of each what recovery does. */
export const CRASH_POINTS = [
  'job-committed', // the job is durable, the answer not sent
  'intent-committed', // the intent to start is durable, nothing was made
  'instance-folder-made', // the instance has a folder and nothing in it
  'instance-prepared', // bundle and limits are written, no process exists
  'supervisor-released', // the supervisor was told to go, nobody knows how far it is
  'command-started', // the ticket is taken, the database says starting
  'started-committed', // the database says running
  'stop-committed', // the intention to end the job is durable, no signal was sent
  'stop-signaled', // SIGTERM was sent
  'exit-seen', // the command has ended, the database says running
  'final-committed', // the job is final, its instance still there
  'instance-half-removed', // processes and limits are gone, the folder is not
  'ticket-claimed', // recovery took the ticket, the database says starting
] as const;
export type CrashPoint = (typeof CRASH_POINTS)[number];

let armed: { point: CrashPoint; hits: number } | undefined;

/** Arms a point: the process kills itself at the `hits`-th time it passes. */
export function armCrashPoint(point: CrashPoint, hits: number): void {
  armed = { point, hits };
}

/** Passes a point. */
export function crashPoint(point: CrashPoint): void {
  if (armed?.point !== point) return;
  armed.hits -= 1;
  if (armed.hits <= 0) process.kill(process.pid, 'SIGKILL');
}
