import { describe, expect, it } from 'vitest';
import {
  choiceOption,
  clockOption,
  functionOption,
  monotonic,
  numberOption,
  objectOption,
  signalOption,
  stringOption,
} from '../src/index.ts';

describe('numberOption', () => {
  it('gives the default for undefined and the value when it is in range', () => {
    expect(numberOption('test', 'max', undefined, 10)).toBe(10);
    expect(numberOption('test', 'max', 0, 10)).toBe(0);
    expect(numberOption('test', 'max', Infinity, 10, { min: 1, integer: true })).toBe(Infinity);
  });

  it.each([
    ['a string', '5', TypeError, 'Cannot test: max must be a number, got "5"'],
    ['not a number', Number.NaN, TypeError, 'Cannot test: max must be a number, got NaN'],
    ['below the range', 0, RangeError, 'Cannot test: max must be an integer >= 1 and <= 8, got 0'],
    ['a fraction', 1.5, RangeError, 'Cannot test: max must be an integer >= 1 and <= 8, got 1.5'],
  ])('refuses %s', (_, value, type, message) => {
    const act = (): number => numberOption('test', 'max', value as number, 2, { min: 1, max: 8, integer: true });
    expect(act).toThrow(type);
    expect(act).toThrow(message);
  });
});

describe('choiceOption', () => {
  it('takes the first choice as default and names the choices when refused', () => {
    expect(choiceOption('test', 'order', undefined, ['lifo', 'fifo'])).toBe('lifo');
    expect(() => choiceOption('test', 'order', 'random' as 'lifo', ['lifo', 'fifo'])).toThrow(
      'Cannot test: order must be one of lifo, fifo, got "random"',
    );
  });
});

describe('functionOption', () => {
  it('refuses what is no function', () => {
    functionOption('test', 'create', () => 1);
    functionOption('test', 'create', undefined, true);
    expect(() => functionOption('test', 'create', {})).toThrow('Cannot test: create must be a function, got an object');
  });
});

describe('objectOption, stringOption and signalOption', () => {
  it('refuse what is none and name what came', () => {
    objectOption('test', 'the config', {});
    stringOption('test', 'key', '');
    signalOption('test', undefined);
    signalOption('test', new AbortController().signal);
    expect(() => objectOption('test', 'the config', undefined)).toThrow(
      'Cannot test: the config must be an object, got undefined',
    );
    expect(() => stringOption('test', 'key', 5)).toThrow('Cannot test: key must be a string, got 5');
    expect(() => signalOption('test', { aborted: false })).toThrow(
      'Cannot test: signal must be an AbortSignal, got an object',
    );
    expect(() => signalOption('test', 'x')).toThrow('Cannot test: signal must be an AbortSignal, got "x"');
  });
});

describe('clockOption', () => {
  it("gives the process's clock by default and refuses one without a time", () => {
    const own = { now: () => 5 };
    expect(clockOption('test', undefined)).toBe(monotonic);
    expect(clockOption('test', own)).toBe(own);
    expect(() => clockOption('test', {} as typeof own)).toThrow(
      'Cannot test: clock.now must be a function, got undefined',
    );
    expect(() => clockOption('test', { now: () => undefined as unknown as number })).toThrow(
      'clock.now() must return a number, got undefined',
    );
  });
});
