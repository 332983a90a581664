/**
 * Connects names that users gave with addresses that the server may connect to. Whoever connects uses the addresses that
 * come out here, and no others: a name that is asked for twice may have two answers.
 */
import { lookup } from 'node:dns/promises';
import { type AddressRule, allows, type Reach, reachOf } from './addresses.ts';

/**
 * The one thing that is said of a host that is refused, has no address or does not answer: which of these it is would
 * tell what is listening in a network that the asker cannot see.
 */
export class UnreachableError extends Error {
  constructor(host: string, options?: ErrorOptions) {
    super(`${host} cannot be reached, or is at an address that this server does not connect to`, options);
  }
}

export interface Destination {
  /** At least one, in the order of the resolver. */
  addresses: string[];
  /** Of the first of them. */
  reach: Reach;
}

/**
 * The addresses of a host that the rule allows.
 * @param host a name, or an address in any form that the system's resolver reads
 * @throws UnreachableError when there is none
 */
export async function resolveDestination(host: string, rule: AddressRule): Promise<Destination> {
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  const found = await lookup(bare, { all: true }).catch((cause: unknown) => {
    throw new UnreachableError(host, { cause });
  });
  const addresses = found.map(({ address }) => address).filter((address) => allows(rule, address));
  if (addresses.length === 0) throw new UnreachableError(host);
  return { addresses, reach: reachOf(addresses[0]!) };
}
