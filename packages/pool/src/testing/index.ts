/**
 * What a pool's driver is tested against: a TCP proxy in the test's own process that delays, cuts, slices and swallows
 * what passes, between real sockets and for any protocol, TLS included.
 *
 * @example
 * import { faultProxy } from '@forge/pool/testing';
 *
 * await using proxy = await faultProxy({ to: 5432 });
 * const client = await connect(proxy.port);
 * await proxy.set({ toClient: { blackHole: true } });
 * await assert.rejects(client.query('select 1'), { code: 'QUERY_TIMEOUT' });
 *
 * @module
 */
export { faultProxy, type FaultProxy, type FaultProxyOptions } from './fault-proxy.ts';
export type { Bytes, BytesPerSecond, Faults, ProxyFaults, Slicing } from './faults.ts';
export type { FaultyConnection } from './faulty-connection.ts';
export type { Cut } from './flow.ts';
