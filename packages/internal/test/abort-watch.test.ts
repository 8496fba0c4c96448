import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { AbortWatch } from '../src/index.ts';

describe('AbortWatch', () => {
  it('tells each item of a signal, with the reason, when it aborts', () => {
    const told: [string, unknown][] = [];
    const controller = new AbortController();
    const watch = new AbortWatch<string>((item, reason) => told.push([item, reason]));
    const [a] = ['a', 'b', 'c'].map((item) => watch.add(controller.signal, item));
    watch.add(new AbortController().signal, 'other');
    watch.remove(a!);
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
      for (const each of all) watch.remove(each);
    });
    const all = ['a', 'b'].map((item) => watch.add(controller.signal, item));
    controller.abort();
    expect(told).toEqual(['a']);
  });

  it('listens again to a signal whose items were all removed', () => {
    const told: string[] = [];
    const watch = new AbortWatch<string>((item) => told.push(item));
    const controller = new AbortController();
    const a = watch.add(controller.signal, 'a');
    watch.remove(a);
    watch.remove(a);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    watch.add(controller.signal, 'b');
    controller.abort();
    expect(told).toEqual(['b']);
  });

  it('listens once for all watches of a signal, and tells each of its own', () => {
    const told: string[] = [];
    const controller = new AbortController();
    const { signal } = controller;
    for (const name of ['one', 'two']) {
      const watch = new AbortWatch<string>((item) => told.push(`${name} ${item}`));
      for (const item of ['a', 'b']) watch.add(signal, item);
    }
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    controller.abort();
    expect(told).toEqual(['one a', 'one b', 'two a', 'two b']);
  });

  it('leaves no trace on a signal that others could see', () => {
    const { signal } = new AbortController();
    const before = Reflect.ownKeys(signal);
    const watch = new AbortWatch<string>(() => {});
    watch.remove(watch.add(signal, 'a'));
    expect(Reflect.ownKeys(signal)).toEqual(before);
  });
});
