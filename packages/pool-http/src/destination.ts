import { isIP } from 'node:net';
import { numberOption, objectOption, stringOption } from '@forge/internal';
import type { Dispatcher } from 'undici';
import { hostOf, type Endpoint } from './endpoints.ts';

/** Where a connection goes: an address and a port, and what the server there is to be called. */
export interface Destination {
  readonly origin: URL;
  /** A name or an address without brackets. */
  readonly hostname: string;
  /** Empty for the protocol's own. */
  readonly port: string;
  /** For SNI and the certificate; null for the name in the origin. */
  readonly servername: string | null;
  /** Whether the server may choose HTTP/2. */
  readonly allowsH2: boolean;
}

/** Options of a request that undici's own dispatchers read, beyond its types. */
export interface RequestOptions extends Dispatcher.DispatchOptions {
  readonly allowH2?: boolean;
  readonly servername?: string | null;
}

/**
 * An endpoint by its address and port.
 *
 * @throws TypeError, RangeError when it is none
 */
export function idOf(endpoint: Endpoint): string {
  const subject = 'use an endpoint';
  objectOption(subject, 'it', endpoint);
  const { address, port } = endpoint;
  stringOption(subject, 'address', address);
  if (/\s/.test(address))
    throw new TypeError(`Cannot ${subject}: address must be an address or a name, got ${address}`);
  numberOption(subject, 'port', port, 0, { min: 1, max: 65_535, integer: true });
  return `${address} ${port ?? ''}`;
}

/** The endpoint of an origin whose endpoints nobody looks for. */
export function soleEndpoint(origin: URL): string {
  return idOf({ address: hostOf(origin) });
}

/**
 * What the connections have in common that a request can use, besides origin and endpoint. Two requests share connections
 * only where this is the same: so nothing speaks to a server under a name that it was not connected by.
 */
export function needsOf({ protocol }: URL, { allowH2, servername, headers }: RequestOptions): string {
  const name = protocol === 'https:' ? (servername ?? nameIn(hostIn(headers))) : '';
  return `${allowH2 === false ? 'h1' : 'h2'} ${/\s/.test(name) ? '' : name}`;
}

/** The needs of nearly every request. */
export const USUAL_NEEDS = 'h2 ';

/** Of parts that contain no space. It says where it leads, so that nobody has to remember that. */
export function keyOf(endpoint: string, origin: URL, needs: string): string {
  return `${needs} ${endpoint} ${origin.origin}`;
}

export function destinationOf(key: string): Destination {
  const [protocol, servername, hostname, port, name] = key.split(' ') as [string, string, string, string, string];
  const origin = new URL(name);
  return {
    origin,
    hostname,
    port: port === '' ? origin.port : port,
    servername: servername === '' ? null : servername,
    allowsH2: protocol === 'h2',
  };
}

/** Whether a key is of that endpoint of the origin, whatever the needs. */
export function leadsTo(key: string, endpoint: string, origin: URL): boolean {
  return key.endsWith(` ${endpoint} ${origin.origin}`);
}

/** Headers that can be read but once are left alone. */
function hostIn(headers: unknown): unknown {
  if (typeof headers !== 'object' || headers === null) return undefined;
  if (Array.isArray(headers)) {
    const index = headers.findIndex((name, at) => at % 2 === 0 && String(name).toLowerCase() === 'host');
    return index === -1 ? undefined : (headers[index + 1] as unknown);
  }
  if ('get' in headers && typeof headers.get === 'function') return headers.get('host') as unknown;
  if (Symbol.iterator in headers) return undefined;
  const { host, Host = host } = headers as Record<string, unknown>;
  return Host;
}

/** As undici reads it: a name, but no address. */
function nameIn(host: unknown): string {
  if (typeof host !== 'string' || host.startsWith('[')) return '';
  const name = host.replace(/:\d*$/, '');
  return isIP(name) === 0 ? name : '';
}
