import { vi } from 'vitest';
import { ConnectionPool, type ConnectionConfig, type DestroyReason, type Lease } from '../src/index.ts';

/** A promise that the test settles. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

export function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

/** A connection that does nothing; `id` tells in which order they were made. */
export interface Fake {
  readonly id: number;
}

/** A create in flight: the test decides how it ends. */
export interface Create extends Deferred<Fake> {
  readonly signal: AbortSignal;
}

/** A pool whose creates the test settles, and a record of what it did. */
export interface Bench {
  readonly pool: ConnectionPool<Fake>;
  readonly creates: Create[];
  readonly destroyed: { readonly id: number; readonly reason: DestroyReason }[];
}

/**
 * Each create waits in `creates` until the test settles it. Unless the test says otherwise a failed one is told at once and
 * the next try follows without a pause.
 */
export function manual(config: Partial<ConnectionConfig<Fake>> = {}): Bench {
  const creates: Create[] = [];
  const destroyed: { id: number; reason: DestroyReason }[] = [];
  const pool = new ConnectionPool<Fake>({
    create: (signal) => {
      const create = { ...deferred<Fake>(), signal };
      creates.push(create);
      return create.promise;
    },
    destroy: ({ id }, reason) => destroyed.push({ id, reason }),
    createRetries: 0,
    random: () => 0,
    ...config,
  });
  return { pool, creates, destroyed };
}

/** Creates succeed at once. */
export function instant(config: Partial<ConnectionConfig<Fake>> = {}): Omit<Bench, 'creates'> {
  let made = 0;
  return manual({ create: () => ({ id: (made += 1) }), ...config });
}

/** Lets every reaction that is due run, without moving the clock. */
export async function flush(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

/** Leases `count` connections at once. */
export function lease<C>(pool: ConnectionPool<C>, count: number): Promise<Lease<C>[]> {
  return Promise.all(Array.from({ length: count }, () => pool.acquire()));
}

/** How a promise ended, so that a rejection is never unhandled. */
export async function outcome<T>(promise: Promise<T>): Promise<{ value: T } | { error: unknown }> {
  try {
    return { value: await promise };
  } catch (error) {
    return { error };
  }
}
