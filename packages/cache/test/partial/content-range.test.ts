import { describe, expect, it } from 'vitest';
import { contentRange, parseContentRange, parseRange } from '../../src/partial/index.ts';

describe('contentRange', () => {
  it('names the last position, not the one behind it', () => {
    expect(contentRange({ start: 0, end: 100, total: 1000 })).toBe('bytes 0-99/1000');
    expect(contentRange({ start: 0, end: 100, total: undefined }, 'rows')).toBe('rows 0-99/*');
  });

  it('is that of a 416 when the slice is empty', () => {
    expect(contentRange({ start: 1000, end: 1000, total: 1000 })).toBe('bytes */1000');
  });
});

describe('parseContentRange', () => {
  it.each([
    ['bytes 0-99/1000', { start: 0, end: 100, total: 1000 }],
    ['rows 5-5/*', { start: 5, end: 6, total: undefined }],
    ['bytes */1000', undefined],
    ['bytes 9-5/1000', undefined],
    ['bytes 0-1000/1000', undefined],
    ['bytes 0-99', undefined],
    [`bytes 0-${'9'.repeat(20)}/*`, undefined],
    [null, undefined],
  ])('reads %o as %o', (header, expected) => {
    expect(parseContentRange(header)).toEqual(expected);
  });
});

describe('parseRange', () => {
  it.each([
    ['bytes=0-99', { start: 0, end: 100 }],
    ['BYTES=100-', { start: 100, end: Infinity }],
    ['bytes=-300', { start: 700, end: Infinity }],
    ['bytes=-3000', { start: 0, end: Infinity }],
    ['bytes=-0', { start: 1000, end: Infinity }],
    ['bytes=9-5', undefined],
    ['bytes=-', undefined],
    ['bytes=0-1,5-9', undefined],
    ['rows=0-1', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('reads %o as %o of 1000', (header, expected) => {
    expect(parseRange(header, 1000)).toEqual(expected);
  });

  it('needs the total for a suffix', () => {
    expect(parseRange('bytes=-5')).toBeUndefined();
  });
});
