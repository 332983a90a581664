import { afterAll, beforeAll, expect, test } from 'vitest';
import { UsageSampler } from '../../src/background/usage-samples.ts';
import { eventually } from '../support/eventually.ts';
import { TestServer } from '../support/server.ts';

let server: TestServer;
let serviceId: string;
beforeAll(async () => {
  server = await TestServer.start();
  serviceId = await server.seedService();
});
afterAll(async () => server.close());

interface Series {
  unit: string;
  values: { timestamp: string; value: number }[];
}

test("what a sandbox's cgroup counts is shown as the metrics of its job", async () => {
  // Fills 64 MB of memory with what is not zero, then keeps a CPU busy.
  const command = 'data=$(head -c 48000000 /dev/urandom | base64 -w0); while :; do :; done';
  const job = await server.createJob(serviceId, command);
  await eventually(async () => (await server.job(job.id)).status === 'running');
  const sampler = new UsageSampler(server.running.context);
  const query = `resource=${job.id}&resolutionSeconds=1`;
  const series = async (kind: string): Promise<Series> => {
    const answer = await server.call<Series[]>('GET', `/metrics/${kind}?${query}&aggregationMethod=MAX`);
    return answer.body[0] ?? { unit: '', values: [] };
  };
  const seen = await eventually(
    async () => {
      await sampler.pass();
      const memory = Math.max(...(await series('memory')).values.map(({ value }) => value));
      const cpu = (await series('cpu')).values.map(({ value }) => value);
      return memory > 40_000_000 && cpu.some((value) => value > 0.1) && { memory, cpu };
    },
    { withinMs: 20_000, what: 'memory and CPU in the metrics' },
  );
  const [limit] = (await series('memory-limit')).values;
  expect(limit!.value).toBe(512 * 2 ** 20);
  expect(seen.memory).toBeLessThanOrEqual(limit!.value);
  await server.call('POST', `/services/${serviceId}/jobs/${job.id}/cancel`);
  await server.finished(job.id);
  expect(await sampler.pass()).toBe(0);
});
