import { describe, expect, test } from 'vitest';
import { allows, isRefusedHost, reachOf } from '../../src/shared/addresses.ts';
import { resolveDestination, UnreachableError } from '../../src/shared/destination.ts';

describe('reachOf', () => {
  test.each(['8.8.8.8', '1.1.1.1', '2606:4700::1', '::ffff:8.8.8.8', '64:ff9b::808:808', '2002:808:808::'])(
    '%s is public',
    (address) => expect(reachOf(address)).toBe('public'),
  );

  test.each([
    '10.0.0.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '100.64.0.1',
    'fd00::1',
    'fc00::1',
    '::ffff:10.0.0.1',
    '::ffff:a00:1',
    '64:ff9b::a00:1',
    '2002:a00:1::',
  ])('%s is private', (address) => expect(reachOf(address)).toBe('private'));

  test.each([
    '127.0.0.1',
    '127.255.255.254',
    '::1',
    '0.0.0.0',
    '0.1.2.3',
    '::',
    '169.254.169.254',
    'fe80::1',
    'fe80::1%eth0',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::127.0.0.1',
    '::ffff:0:127.0.0.1',
    '64:ff9b::7f00:1',
    '64:ff9b:1::a9fe:a9fe',
    '2002:7f00:1::',
    '2001::1',
    '2001:db8::1',
    'fec0::1',
    'ff02::1',
    '100::1',
    '4000::1',
    '224.0.0.1',
    '240.0.0.1',
    '255.255.255.255',
    '192.0.0.192',
    '198.18.0.1',
    'fd00:ec2::254',
    'fd20:ce::254',
    '100.100.100.200',
  ])('%s is local, or no address of a single machine', (address) => expect(reachOf(address)).toBe('local'));
});

const REPOSITORIES = { private: true, local: false };
const DELIVERIES = { private: false, local: false };
const ANY = { private: true, local: true };

describe('a rule', () => {
  test('lets through what it says and what is public', () => {
    expect(allows(REPOSITORIES, '10.0.0.1')).toBe(true);
    expect(allows(DELIVERIES, '10.0.0.1')).toBe(false);
    expect(allows(REPOSITORIES, '127.0.0.1')).toBe(false);
    expect(allows(ANY, '127.0.0.1')).toBe(true);
    expect(allows(DELIVERIES, '8.8.8.8')).toBe(true);
  });

  test.each([
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f000001',
    '0177.0.0.1',
    '0',
    '[::1]',
    '::1',
    'localhost',
    'LOCALHOST.',
    'db.localhost',
    'localhost.localdomain',
    'ip6-loopback',
    '169.254.169.254',
    '2852039166',
    '[::ffff:169.254.169.254]',
  ])('refuses %s before anybody is asked for its address', (host) => {
    expect(isRefusedHost(REPOSITORIES, host)).toBe(true);
    expect(isRefusedHost(ANY, host)).toBe(false);
  });

  test('leaves names to the time of the connection', () => {
    expect(isRefusedHost(DELIVERIES, 'git.example.com')).toBe(false);
    expect(isRefusedHost(DELIVERIES, '10.1')).toBe(true);
    expect(isRefusedHost(REPOSITORIES, '10.1')).toBe(false);
  });
});

describe('resolveDestination', () => {
  test.each(['localhost', '127.1', '2130706433', '0177.0.0.1', '[::1]', 'no-such-host.invalid'])(
    'says the same of %s as of any other host that is not to be had',
    async (host) => {
      const failure = await resolveDestination(host, REPOSITORIES).catch((error: Error) => error);
      expect(failure).toBeInstanceOf(UnreachableError);
      expect((failure as Error).message).toBe(
        `${host} cannot be reached, or is at an address that this server does not connect to`,
      );
    },
  );

  test('gives the addresses that were checked', async () => {
    expect(await resolveDestination('127.1', ANY)).toEqual({ addresses: ['127.0.0.1'], reach: 'local' });
  });
});
