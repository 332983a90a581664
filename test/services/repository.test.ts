import { describe, expect, test } from 'vitest';
import { parseRepository, repositorySlug, withoutUserInfo } from '../../src/services/repository.ts';

describe('parseRepository', () => {
  test.each([
    'https://github.com/team/app',
    'https://git.example.com:8443/team/app.git',
    'ssh://git@git.example.com:2222/team/app.git',
    'git@github.com:team/app.git',
  ])('takes %s as it is', (url) => {
    expect(parseRepository(url, false)).toEqual({ url });
  });

  test('keeps a credential apart from the address, decoded, and unprintable', () => {
    const { url, credential } = parseRepository('https://me:p%40ss@example.com/team/app', false);
    expect(url).toBe('https://example.com/team/app');
    expect(credential!.reveal()).toBe('me:p@ss');
    expect(`${credential}`).toBe('[redacted]');
  });

  test.each(['file:///srv/app', '/srv/app'])('takes %s only where local ones are allowed', (url) => {
    expect(parseRepository(url, true)).toEqual({ url });
    expect(() => parseRepository(url, false)).toThrow(/--allow-local-repos/);
  });

  test('never repeats a password in its refusal', () => {
    expect(() => parseRepository('http://me:marker-8@example.com/a', false)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('marker-8') }),
    );
    expect(() => parseRepository('ssh://me:marker-8@example.com/a', false)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('marker-8') }),
    );
  });
});

test.each([
  ['https://github.com/team/app.git', 'team/app'],
  ['git@github.com:team/app', 'team/app'],
  ['ssh://git@host:22/deep/er/team/app/', 'team/app'],
  ['/srv/repos/app', 'repos/app'],
  ['https://example.com/app', 'app'],
])('the slug of %s is %s', (url, slug) => {
  expect(repositorySlug(url)).toBe(slug);
});

test('user names and passwords go from addresses within a text', () => {
  expect(withoutUserInfo("fatal: unable to access 'https://a:b@example.com/x/': no")).toBe(
    "fatal: unable to access 'https://example.com/x/': no",
  );
});
