import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { shellCommand } from '../../src/cli/shell-words.ts';

test('one word is a shell command as it is', () => {
  expect(shellCommand(['echo "a  b" | wc -c && X=1 env'])).toBe('echo "a  b" | wc -c && X=1 env');
});

test('several words are quoted where they need it and only there', () => {
  expect(shellCommand(['echo', 'a b', '--flag=1', "it's"])).toBe(`echo 'a b' --flag=1 'it'\\''s'`);
});

test('an empty word stays a word', () => {
  expect(shellCommand(['printf', '%s.', ''])).toBe("printf %s. ''");
});

test('a first word that looks like an assignment is a command name, not an assignment', () => {
  expect(shellCommand(['A=1', 'x'])).toBe("'A=1' x");
});

test('a shell gives back exactly the words, whatever is in them', () => {
  const word = fc
    .string({ unit: 'binary', minLength: 0, maxLength: 12 })
    .filter((text) => !text.includes('\0'));
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), (words) => {
      const command = shellCommand(['printf', '%s\\0', ...words]);
      const seen = execFileSync('sh', ['-c', command], { encoding: 'utf8' });
      expect(seen).toBe(words.map((one) => `${Buffer.from(one, 'utf8').toString('utf8')}\0`).join(''));
    }),
    { numRuns: 60 },
  );
});
