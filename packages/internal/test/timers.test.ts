import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { after } from '../src/index.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('after runs once after its delay, never for Infinity, and not when it is taken back', () => {
  const ran: string[] = [];
  after(4.2, () => ran.push('soon'));
  after(Infinity, () => ran.push('never'));
  after(2 ** 40, () => ran.push('far'));
  after(3, () => ran.push('taken back'))();
  vi.advanceTimersByTime(4);
  expect(ran).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(ran).toEqual(['soon']);
  vi.advanceTimersByTime(2 ** 31 - 6);
  expect(ran).toEqual(['soon', 'far']);
});
