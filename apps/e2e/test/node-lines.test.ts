import { describe, expect, it } from 'vitest';
import { supportedMajors } from '../src/node-lines.ts';

describe('supportedMajors', () => {
  it('leaves out the lines below the minimum', () => {
    expect(supportedMajors('>=20.19')).toEqual([20, 22, 24]);
    expect(supportedMajors('>=22.19')).toEqual([22, 24]);
  });

  it('throws a RangeError when the range is not a plain minimum', () => {
    expect(() => supportedMajors('^22.11 || >=24')).toThrow(RangeError);
  });
});
