import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { AbortWatch } from '../src/index.ts';

describe('AbortWatch', () => {
  it('tells each item of a signal, with the reason, when it aborts', () => {
    const told: [string, unknown][] = [];
    const controller = new AbortController();
    const watch: AbortWatch<string> = new AbortWatch<string>((item, reason) => {
      told.push([item, reason]);
      watch.remove(controller.signal, item);
    });
    for (const item of ['a', 'b', 'c']) watch.add(controller.signal, item);
    watch.add(new AbortController().signal, 'other');
    watch.remove(controller.signal, 'a');
    controller.abort('why');
    expect(told).toEqual([
      ['b', 'why'],
      ['c', 'why'],
    ]);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  it('tells no item that is removed while others are told', () => {
    const told: string[] = [];
    const controller = new AbortController();
    const watch: AbortWatch<string> = new AbortWatch<string>((item) => {
      told.push(item);
      for (const each of ['a', 'b']) watch.remove(controller.signal, each);
    });
    for (const item of ['a', 'b']) watch.add(controller.signal, item);
    controller.abort();
    expect(told).toEqual(['a']);
  });

  it('listens again to a signal whose items were all removed', () => {
    const told: string[] = [];
    const watch = new AbortWatch<string>((item) => told.push(item));
    const controller = new AbortController();
    watch.add(controller.signal, 'a');
    watch.remove(controller.signal, 'a');
    watch.remove(controller.signal, 'a');
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    watch.add(controller.signal, 'b');
    controller.abort();
    expect(told).toEqual(['b']);
  });
});
