export interface Connection {
  /** Summed up as proof of use. */
  readonly one: 1;
}

export interface Opening {
  readonly create: () => Promise<Connection>;
  readonly max: number;
  /** Undefined: none, or where a pool has no such thing, its default. */
  readonly acquireTimeout: number | undefined;
}

/** A pool as a user holds it; a lease is whatever it hands out and takes back. */
export interface Pool<L> {
  acquire(): PromiseLike<L>;
  connection(lease: L): Connection;
  release(lease: L): unknown;
}

export type Open<L> = (opening: Opening) => Pool<L>;

/** As many leases at once. */
export function leaseAll<L>(pool: Pool<L>, count: number): Promise<L[]> {
  return Promise.all(Array.from({ length: count }, () => pool.acquire()));
}
