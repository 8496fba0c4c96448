import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { benchNames, loadBench } from '../src/catalog.ts';

const published = new URL('../benches/', import.meta.url);
const unsound = new URL('fixtures/unsound/', import.meta.url);

describe('benchNames', () => {
  it('are the files of the folder', () => {
    expect(benchNames(new URL('fixtures/benches/', import.meta.url))).toEqual([
      'broken',
      'holding',
      'missing',
      'plain',
    ]);
  });
});

describe('loadBench', () => {
  it.each(benchNames(published))('loads %s, whose contestants exist', async (name) => {
    const { contestants } = await loadBench(published, name);
    expect(contestants.filter(({ module }) => !existsSync(new URL(module)))).toEqual([]);
  });

  it.each([
    ['nothing', 'it must export `bench`, got none'],
    ['twice', 'ids of contestants must be unique, got fast twice'],
    ['bar-case', 'a bar must name a case of it, got sleep'],
    ['bar-contestant', 'a bar must name a contestant of it, got nobody'],
    ['bar-rival', 'a bar must name a contestant of it, got nobody'],
  ])('rejects when the file is unsound: %s', async (name, reason) => {
    await expect(loadBench(unsound, name)).rejects.toThrow(`Cannot load bench ${name}: ${reason}`);
  });
});
