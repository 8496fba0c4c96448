import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { Gatherer } from '../../src/partial/gatherer.ts';

function setUp() {
  const asked: (readonly number[])[] = [];
  const load = (ids: readonly number[]): number[] => {
    asked.push(ids);
    return ids.map((id) => id);
  };
  return { asked, missed: new Gatherer<number, number>(load, (item) => item, 10) };
}

describe('Gatherer', () => {
  it('gathers what is missed within one turn, however many promises later', async () => {
    const { asked, missed } = setUp();
    const { signal } = new AbortController();
    const late = async (): Promise<number | undefined> => {
      for (let hops = 0; hops < 50; hops++) await Promise.resolve();
      return missed.load(2, signal);
    };
    await Promise.all([missed.load(1, signal), late()]);
    expect(asked).toEqual([[1, 2]]);
  });

  it('leaves no listener on the signals of the loads', async () => {
    const { missed } = setUp();
    const { signal } = new AbortController();
    await Promise.all([missed.load(1, signal), missed.load(1, signal)]);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('keeps an id that one of two has left', async () => {
    const { asked, missed } = setUp();
    const [one, two] = [new AbortController(), new AbortController()];
    const loads = [missed.load(1, one.signal), missed.load(1, two.signal)];
    one.abort();
    await Promise.all(loads);
    expect(asked).toEqual([[1]]);
  });
});
