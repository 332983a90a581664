/** Reads the whole output of a job as a client does, page by page. */
import type { ServerProcess } from './server-process.ts';

interface Page {
  logs: { message: string }[];
  hasMore: boolean;
  nextStartTime: string;
  nextEndTime: string;
}

/** The messages of all lines, in order. */
export async function* outputOf(server: ServerProcess, jobId: string): AsyncGenerator<string> {
  const base = `/logs?ownerId=${await server.workspaceId()}&resource=${jobId}&direction=forward&limit=100`;
  for (let range = '&startTime=2000-01-01T00:00:00Z'; ; ) {
    const { status, body } = await server.insist<Page>('GET', base + range);
    if (status !== 200)
      throw new Error(`the output of ${jobId} was answered ${status} ${JSON.stringify(body)}`);
    for (const { message } of body.logs) yield message;
    if (!body.hasMore) return;
    range = `&startTime=${body.nextStartTime}&endTime=${body.nextEndTime}`;
  }
}
