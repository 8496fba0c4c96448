import { lookup } from 'node:dns/promises';

/** One of the places where an origin is served. */
export interface Endpoint {
  /** An IP address, or a name that is looked up for each connection. */
  readonly address: string;
  /** @default the port of the origin */
  readonly port?: number;
}

/** Finds where an origin is served now. The order says nothing; an endpoint is known by its address and port. */
export type FindEndpoints = (origin: URL) => readonly Endpoint[] | PromiseLike<readonly Endpoint[]>;

/**
 * All addresses that the system knows for the host of the origin, of the family that it prefers: of two families one is
 * often not routed, which a connection finds out by trying both at once, and a balancer only by failed requests.
 */
export async function dnsEndpoints(origin: URL): Promise<readonly Endpoint[]> {
  const found = await lookup(hostOf(origin), { all: true, order: 'verbatim' });
  return found.filter(({ family }) => family === found[0]?.family);
}

/** The host without the brackets of an IPv6 address. */
export function hostOf({ hostname }: URL): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
}
