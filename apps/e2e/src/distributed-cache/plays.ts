import type { Line } from './line.ts';
import { ROWS } from './messages.ts';
import type { Play } from './world.ts';

/** In ms, until the readers of a row have come. */
const PATIENCE = 200;

/** Nothing breaks. */
export const calm =
  (duration: number): Play =>
  (world) =>
    world.pass(duration);

/** Redis is killed, and comes back with nothing, or with what it held some time before. */
export const killRedis =
  (duration: number, comesBack: 'empty' | 'old'): Play =>
  async (world) => {
    if (comesBack === 'old') {
      // With the leases of loads that run now: nobody has those when they come back.
      await world.redis.save();
      // Of what it then holds much is invalidated before the end.
      await world.pass(duration);
    }
    await world.fault({ kind: 'store' }, async () => {
      await world.redis.kill();
      await world.pass(duration);
      await world.redis.restart();
    });
  };

/** Redis hangs, and answers then what it was asked meanwhile. */
export const freezeRedis =
  (duration: number): Play =>
  (world) =>
    world.fault({ kind: 'store' }, async () => {
      world.redis.freeze();
      await world.pass(duration);
      world.redis.thaw();
    });

/** A worker hears nothing of the bus any more, and nobody tells it so. */
export const cutOff =
  (duration: number, worker: number): Play =>
  (world) =>
    world.fault({ kind: 'bus', worker }, async () => {
      const { bus } = world.lines(worker);
      bus.cut();
      await world.pass(duration);
      bus.mend();
    });

/** A worker reaches nothing of Redis any more, while the others do. */
export const maroon =
  (duration: number, worker: number): Play =>
  (world) =>
    world.fault({ kind: 'island', worker }, async () => {
      const lines = Object.values(world.lines(worker)) as readonly Line[];
      for (const line of lines) line.cut();
      // The first waits for the timeout, the others find the store given up.
      for (let row = 0; row < ROWS; row += 4) await world.invalidate({ kind: 'prefix', row }, worker);
      await world.pass(duration);
      // Lest a later invalidation of the same key stand in for one that was lost.
      await world.settle();
      for (const line of lines) line.mend();
    });

/** A worker is killed while it loads keys that the others wait for; one of those keys is invalidated then. */
export const killLoading =
  (duration: number, worker: number): Play =>
  async (world) => {
    const other = worker === 0 ? 1 : 0;
    await world.settle();
    await world.fault({ kind: 'worker', worker }, async () => {
      const held = world.origin.hold(worker);
      for (let row = 0; held.length < 3; row = (row + 1) % ROWS) {
        await world.invalidate({ kind: 'prefix', row }, other);
        await world.pass(PATIENCE);
      }
      await world.kill(worker);
      await world.invalidate({ kind: 'key', key: held[0]! }, other);
      await world.noteOrphans();
    });
    await world.pass(duration);
  };
