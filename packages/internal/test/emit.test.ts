import { EventEmitter } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import { callQuietly, emit, Measures } from '../src/index.ts';

describe('emit', () => {
  it('builds no object when nobody listens', () => {
    const build = vi.fn(() => ({}));
    emit(new EventEmitter(), 'event', build);
    expect(build).not.toHaveBeenCalled();
  });

  it('gives every listener the same frozen object, and a once listener only the first', () => {
    const emitter = new EventEmitter();
    const seen: object[] = [];
    emitter.on('event', (event: object) => seen.push(event));
    emitter.once('event', (event: object) => seen.push(event));
    emit(emitter, 'event', () => ({ n: 1 }));
    emit(emitter, 'event', () => ({ n: 2 }));
    expect(seen).toEqual([{ n: 1 }, { n: 1 }, { n: 2 }]);
    expect(seen[0]).toBe(seen[1]);
    expect(Object.isFrozen(seen[0])).toBe(true);
  });

  it('turns a throwing listener into a warning and still calls the next', async () => {
    const warned = new Promise<Error>((resolve) => {
      process.once('warning', resolve);
    });
    const emitter = new EventEmitter();
    const next = vi.fn();
    emitter.on('event', () => {
      throw new Error('listener of a test');
    });
    emitter.on('event', next);
    emit(emitter, 'event', () => ({}));
    expect(next).toHaveBeenCalledOnce();
    expect((await warned).message).toBe('listener of a test');
  });
});

describe('callQuietly', () => {
  it('gives what is thrown or rejected to the handler', async () => {
    const errors: unknown[] = [];
    const note = (error: unknown): void => void errors.push(error);
    callQuietly(() => {
      throw new Error('thrown');
    }, note);
    callQuietly(() => Promise.reject(new Error('rejected')), note);
    callQuietly(() => 'fine', note);
    await Promise.resolve();
    expect(errors).toEqual([new Error('thrown'), new Error('rejected')]);
  });
});

describe('Measures', () => {
  it('is active only while somebody listens', () => {
    const measures = new Measures();
    const heard: [string, number][] = [];
    expect(measures.active).toBe(false);
    const stop = measures.add((name, value) => heard.push([name, value]));
    measures.record('wait', 3);
    stop();
    measures.record('wait', 4);
    expect(heard).toEqual([['wait', 3]]);
    expect(measures.active).toBe(false);
  });
});
