import { expect, it } from 'vitest';
import { unitFor } from '../src/unit.ts';

it.each([
  [52.34, '52.3 ns'],
  [52_340, '52.34 µs'],
  [5_234_000, '5.23 ms'],
])('unitFor gives %d ns a unit in which it reads well', (nanoseconds, shown) => {
  const unit = unitFor(nanoseconds);
  expect(`${unit.format(nanoseconds)} ${unit.name}`).toBe(shown);
});
