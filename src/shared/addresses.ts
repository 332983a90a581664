/**
 * Whether an address may be connected to on behalf of a user. Pure. An address that wraps another (IPv4 in IPv6, NAT64,
 * 6to4) is judged by the one that it leads to.
 */
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/**
 * How far an address reaches: anywhere; within somebody's own network; or no further than this machine and its link,
 * with everything that is no address of a single other machine.
 */
export type Reach = 'public' | 'private' | 'local';

/** Which addresses may be connected to besides public ones. */
export interface AddressRule {
  private: boolean;
  local: boolean;
}

const PRIVATE = ['private', 'uniqueLocal', 'carrierGradeNat'];
/** Where clouds tell a machine its secrets, at addresses that look like ordinary private ones. */
const METADATA = ['fd00:ec2::254', 'fd20:ce::254', '100.100.100.200'].map((text) =>
  ipaddr.parse(text).toNormalizedString(),
);

/** @throws for what is no address */
export function reachOf(address: string): Reach {
  const parsed = ipaddr.parse(address.replace(/%.*$/, ''));
  if (METADATA.includes(parsed.toNormalizedString())) return 'local';
  if (parsed instanceof ipaddr.IPv6) {
    const inner = embedded(parsed);
    if (inner) return reachOf(inner);
    // Of IPv6 only 2000::/3 is given to machines of the world.
    if (parsed.range() === 'unicast') return parsed.parts[0]! >> 13 === 1 ? 'public' : 'local';
  }
  if (parsed.range() === 'unicast') return 'public';
  return PRIVATE.includes(parsed.range()) ? 'private' : 'local';
}

/** The IPv4 address that an IPv6 address stands for. */
function embedded(address: ipaddr.IPv6): string | undefined {
  const bytes = address.toByteArray();
  const v4 = (at: number): string => bytes.slice(at, at + 4).join('.');
  const isZero = (from: number, to: number): boolean => bytes.slice(from, to).every((byte) => byte === 0);
  if (address.isIPv4MappedAddress()) return v4(12);
  // Old forms: ::a.b.c.d and ::ffff:0:a.b.c.d. The first has :: and ::1 within, which are judged as they are.
  if (isZero(0, 12) && !isZero(12, 15)) return v4(12);
  if (isZero(0, 8) && bytes[8] === 0xff && bytes[9] === 0xff && isZero(10, 12)) return v4(12);
  const head = address.parts.slice(0, 2);
  if (head[0] === 0x64 && head[1] === 0xff9b && isZero(4, 12)) return v4(12);
  if (head[0] === 0x2002) return v4(2);
  return undefined;
}

/** Whether the rule lets somebody connect to the address. */
export function allows(rule: AddressRule, address: string): boolean {
  const reach = reachOf(address);
  return reach === 'public' || rule[reach];
}

const LOCAL_NAMES = /(^|\.)(localhost|localdomain|ip6-localhost|ip6-loopback)\.?$/i;

/**
 * Whether a host is refused whatever a name server says: an address in any of the forms that programs read, or a name of
 * this machine. What a name leads to is checked when it is connected to.
 */
export function isRefusedHost(rule: AddressRule, host: string): boolean {
  if (LOCAL_NAMES.test(host)) return !rule.local;
  const address = addressIn(host);
  return address !== undefined && !allows(rule, address);
}

/** `2130706433`, `0177.0.0.1` and `127.1` are addresses, too. */
function addressIn(host: string): string | undefined {
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  if (isIP(bare)) return bare;
  const url = URL.parse(`http://${bare}/`);
  return url && isIP(url.hostname) ? url.hostname : undefined;
}
