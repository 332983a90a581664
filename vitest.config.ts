import { defineConfig } from 'vitest/config';
import { patient } from './test/support/patience.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: patient(30_000),
    hookTimeout: patient(60_000),
    // Two cores run real sandboxes: more files at once only makes each slower.
    maxWorkers: 2,
  },
});
