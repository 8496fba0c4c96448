import assert from 'node:assert/strict';
import { after } from '@forge/internal';
import type { InvalidationBus } from '../tiers/bus.ts';
import { contractCase, type ContractCase } from './contract-case.ts';

/** A bus on which nothing was published, made for each case. */
export interface BusUnderTest {
  /** The bus as one more process reaches it. */
  connect(): InvalidationBus | Promise<InvalidationBus>;
  close?(): Promise<void>;
}

/** In ms: what has not come by then does not come. */
const PATIENCE = 5_000;

/** Each promise of {@link InvalidationBus} as a case, in real time. */
export function busContract(create: () => BusUnderTest | Promise<BusUnderTest>): readonly ContractCase[] {
  return CASES.map(([name, test]) => contractCase(create, name, test));
}

const CASES: readonly (readonly [string, (bus: BusUnderTest) => Promise<void>])[] = [
  [
    'publish reaches every subscriber, the publisher included',
    async (bus) => {
      const [first, second] = [await listen(bus), await listen(bus)];
      await first.bus.publish('a frame');
      await first.hears('a frame');
      await second.hears('a frame');
    },
  ],
  [
    'publish resolves when nobody subscribes',
    async (bus) => {
      const publisher = await bus.connect();
      await publisher.publish('to nobody');
    },
  ],
  [
    'publish carries any well-formed text as it is',
    async (bus) => {
      const [publisher, listener] = [await bus.connect(), await listen(bus)];
      const texts = ['', ' ', 'a\r\nb\0c', '{"json":"\\ud800"}', 'ünïcödé 日本 🙂', 'x'.repeat(64 * 1024)];
      for (const text of texts) await publisher.publish(text);
      for (const text of texts) await listener.hears(text);
    },
  ],
  [
    'subscribe delivers to each of several subscriptions of one process',
    async (bus) => {
      const connection = await bus.connect();
      const [first, second] = [await listenOn(connection), await listenOn(connection)];
      await connection.publish('for both');
      await first.hears('for both');
      await second.hears('for both');
    },
  ],
  [
    'subscribe delivers nothing to one that has ended, and goes on for the others',
    async (bus) => {
      const [leaving, staying] = [await listen(bus), await listen(bus)];
      await leaving.end();
      await staying.bus.publish('after the end');
      await staying.hears('after the end');
      assert.deepEqual(leaving.frames, []);
    },
  ],
  [
    'the function that ends a subscription may be called twice',
    async (bus) => {
      const listener = await listen(bus);
      await listener.end();
      await listener.end();
    },
  ],
];

interface Listener {
  readonly bus: InvalidationBus;
  readonly frames: readonly string[];
  readonly end: () => Promise<void>;
  /** Resolves when the frame has come. */
  readonly hears: (frame: string) => Promise<void>;
}

async function listen(underTest: BusUnderTest): Promise<Listener> {
  return listenOn(await underTest.connect());
}

async function listenOn(bus: InvalidationBus): Promise<Listener> {
  const frames: string[] = [];
  let onFrame = (): void => {};
  const subscriber = (frame: string): void => {
    frames.push(frame);
    onFrame();
  };
  const end = await bus.subscribe(subscriber, () => {});
  const hears = (frame: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const missing = new assert.AssertionError({
        message: `The frame ${JSON.stringify(frame.slice(0, 40))} is missing`,
      });
      const stop = after(PATIENCE, () => reject(missing));
      onFrame = () => {
        if (!frames.includes(frame)) return;
        stop();
        resolve();
      };
      onFrame();
    });
  return { bus, frames, end, hears };
}
