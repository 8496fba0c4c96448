import { describe, expect, it } from 'vitest';
import { Names } from '../src/names.ts';

const names = new Names('ns');
/** What chooses the slot in a cluster: see "Hash tags" in the specification of Redis Cluster. */
const hashTag = (name: string): string | undefined => /^[^{]*\{([^}]+)\}/.exec(name)?.[1];

describe('Names', () => {
  it('puts a value and its lease in one slot, whatever the key', () => {
    for (const key of ['', 'key', '{', '}', '{}', 'a}b', 'a{b}c', '\ud800', 'x'.repeat(1_000_000)]) {
      const [value, lease] = names.pair(key);
      expect(hashTag(value)).toBeDefined();
      expect(hashTag(lease)).toBe(hashTag(value));
      expect(lease).not.toBe(value);
    }
  });

  it('puts the ledger and every tag in one slot', () => {
    for (const tag of ['', '{', '}', '\ud800', 'x'.repeat(1000)]) expect(hashTag(names.tag(tag))).toBe('ns');
    expect(hashTag(names.ledger)).toBe('ns');
  });

  it('gives other texts other names, and long texts short ones', () => {
    const texts = [
      '',
      'k',
      'h',
      '\ud800',
      '\udc00',
      '\ud800\udc00',
      '\ud800?',
      '\ufffd',
      'é'.repeat(128),
      'é'.repeat(129),
    ];
    const long = ['x'.repeat(257), 'x'.repeat(258), `${'x'.repeat(300)}\ud800`, `${'x'.repeat(300)}\ud801`];
    const all = [...texts, ...long];
    // A text that is the name of another.
    all.push(...all.map((text) => names.tag(text).slice('{ns}:t:'.length)));
    const bytes = new Set([...new Set(all)].map((text) => Buffer.from(names.tag(text)).toString('hex')));
    expect(bytes.size).toBe(new Set(all).size);
    for (const text of all) expect(Buffer.byteLength(names.tag(text))).toBeLessThanOrEqual('{ns}:t:k'.length + 256);
  });

  it('keeps a name that UTF-8 can hold', () => {
    const texts = ['\ud800', `${'x'.repeat(47)}\ud83d\ude00${'x'.repeat(300)}`, 'x'.repeat(1000), '\ud83d\ude00'];
    for (const text of texts) expect(names.tag(text)).toBe(Buffer.from(names.tag(text)).toString());
  });
});
