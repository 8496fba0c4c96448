import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConnectionPool } from '../../src/index.ts';

describe('the functions of a pool', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('run in the async context that the pool was made in, never in that of a caller', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: string[] = [];
    const note = (name: string): void => void seen.push(`${name} in ${storage.getStore()}`);
    const pool = storage.run(
      'the maker',
      () =>
        new ConnectionPool({
          create: async () => {
            note('create');
            await Promise.resolve();
            note('what create opens');
            return 'a connection';
          },
          validate: () => {
            note('validate');
            return true;
          },
          onClosed: () => note('onClosed'),
          destroy: () => note('destroy'),
          healthCheckInterval: 50,
          idleTimeout: 80,
        }),
    );
    const used = storage.run('a caller', () => pool.use(() => storage.getStore()));
    await expect(used).resolves.toBe('a caller');
    await vi.advanceTimersByTimeAsync(100);
    const names = ['create', 'what create opens', 'onClosed', 'validate', 'destroy'];
    expect(seen).toEqual(names.map((name) => `${name} in the maker`));
    await storage.run('a caller', () => pool.use((_, lease) => lease.destroy()));
    expect(seen.slice(names.length)).toEqual(
      ['create', 'what create opens', 'onClosed', 'destroy'].map((name) => `${name} in the maker`),
    );
  });

  it('leave no timer in the async context of a caller, which it would keep alive', async () => {
    const storage = new AsyncLocalStorage<string>();
    const contexts: unknown[] = [];
    const timer = setTimeout;
    vi.spyOn(globalThis, 'setTimeout').mockImplementation(((run: () => void, delay: number) => {
      contexts.push(storage.getStore());
      return timer(run, delay);
    }) as typeof setTimeout);
    const pool = new ConnectionPool({ create: () => 1, min: 1 });
    await storage.run('a caller', async () => {
      const lease = await pool.acquire();
      (await pool.acquire()).release(); // sets the timer of idle connections
      lease.destroy();
      pool.tryAcquire()?.destroy(); // sets the timer of the refill
    });
    expect(contexts.length).toBeGreaterThanOrEqual(2);
    expect(new Set(contexts)).toEqual(new Set([undefined]));
    vi.restoreAllMocks();
  });
});
