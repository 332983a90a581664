import { expect, test } from 'vitest';
import { serverRoot } from '../../src/client/host.ts';

test.each([
  ['http://127.0.0.1:8080', 'http://127.0.0.1:8080'],
  ['127.0.0.1:8080', 'http://127.0.0.1:8080'],
  ['localhost:8080', 'http://localhost:8080'],
  ['[::1]:8080', 'http://[::1]:8080'],
  [' http://127.0.0.1:8080/ ', 'http://127.0.0.1:8080'],
  ['https://errand.example/v1/', 'https://errand.example'],
  ['https://errand.example/v1', 'https://errand.example'],
  ['https://tools.example/errand/v1/', 'https://tools.example/errand'],
  ['errand.example', 'https://errand.example'],
  ['localhost.example', 'https://localhost.example'],
])('%s is the server at %s', (text, root) => {
  expect(serverRoot(text)).toBe(root);
});

test.each(['', 'http://', 'ftp://errand.example', 'http://a b'])('"%s" is refused', (text) => {
  expect(() => serverRoot(text)).toThrow(/address/);
});
