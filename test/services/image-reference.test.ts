import { expect, test } from 'vitest';
import { fullImageReference } from '../../src/services/image-reference.ts';

test.each([
  ['nginx', 'docker.io/library/nginx:latest'],
  ['nginx:1.27', 'docker.io/library/nginx:1.27'],
  ['team/app', 'docker.io/team/app:latest'],
  ['ghcr.io/team/app:2', 'ghcr.io/team/app:2'],
  ['localhost:5000/app', 'localhost:5000/app:latest'],
  [`app@sha256:${'a'.repeat(64)}`, `docker.io/library/app@sha256:${'a'.repeat(64)}`],
])('the full form of %s is %s', (text, full) => {
  expect(fullImageReference(text)).toBe(full);
});

test.each(['', 'Has Space', '-x', 'a//b', 'app:', 'app@sha256:short'])('%j is no image', (text) => {
  expect(() => fullImageReference(text)).toThrow(/image must be a reference/);
});
