import { describe, expect, it } from 'vitest';
import { choiceOption, functionOption, numberOption } from '../src/index.ts';

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
