import { PoolError, type Lease } from '@forge/pool';
import type { PoolClient } from 'pg';
import { faceOf } from './driver.ts';
import type { Session } from './session.ts';

/** A client that is checked out: `using` and `await using` release it, once. */
export interface PooledClient extends PoolClient, Disposable, AsyncDisposable {
  /** Of this checkout: it may be taken off the client, and throws when that was released already. */
  readonly release: (this: void, error?: Error | boolean) => void;
}

/** A session in somebody's hands. */
export interface Taken {
  readonly session: Session;
  readonly lease: Lease<Session>;
}

/** Gives the client's users the means to give it back: new ones each time, so that those of the last time are spent. */
export function checkOut({ session }: Taken, giveBack: (error: unknown) => void): PooledClient {
  let isOut = true;
  const release = (error?: Error | boolean): void => {
    if (!isOut) {
      const message = 'Release called on client which has already been released to the pool.';
      throw new PoolError('POOL_LEASE_STALE', message);
    }
    isOut = false;
    giveBack(error);
  };
  const dispose = (): void => {
    if (isOut) release();
  };
  const asyncDispose = async (): Promise<void> => dispose();
  const given = { release, [Symbol.dispose]: dispose, [Symbol.asyncDispose]: asyncDispose };
  return Object.assign(faceOf(session.client), given);
}
