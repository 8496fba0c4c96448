import { describe, expect, it } from 'vitest';
import { findBreaches, privateNames, type SourceFile } from '../src/rules.ts';

const builtins = ['fs', 'path'];
const source = (path: string, text: string): SourceFile => {
  const [area, owner] = path.split('/') as ['packages' | 'apps', string];
  return { path, area, owner, text };
};
const breaches = (path: string, text: string): string[] =>
  findBreaches({ files: [source(path, text)], builtins }).map(({ what }) => what);

describe('findBreaches', () => {
  it.each([
    [
      'a core that imports another core',
      'packages/cache/src/a.ts',
      "import { x } from '@forge/pool';",
      'import of @forge/pool',
    ],
    [
      'a type import of another core',
      'packages/cache/src/a.ts',
      "import type { X } from '@forge/pool';",
      'import of @forge/pool',
    ],
    ['a core that imports a framework', 'packages/pool/src/a.ts', "import e from 'express';", 'import of express'],
    ['a dynamic import', 'packages/pool/src/a.ts', "const x = await import('undici');", 'import of undici'],
    ['a re-export', 'packages/monitor/src/a.ts', "export * from '@forge/cache';", 'import of @forge/cache'],
    [
      'hdr-histogram-js beside its entry',
      'packages/monitor/src/index.ts',
      "import h from 'hdr-histogram-js';",
      'import of hdr-histogram-js',
    ],
    [
      'a package that imports an app',
      'packages/mcp/src/a.ts',
      "import { g } from '@forge/gateway';",
      'import of @forge/gateway',
    ],
    [
      'internal that imports anything',
      'packages/internal/src/a.ts',
      "import q from 'mnemonist';",
      'import of mnemonist',
    ],
    [
      'an app that reaches into internal',
      'apps/gateway/src/a.ts',
      "import { x } from '@forge/internal';",
      'import of @forge/internal',
    ],
    ['a package without arrows', 'packages/new/src/a.ts', "import x from 'y';", 'import of y'],
    [
      'a path out of the package',
      'packages/cache/src/a.ts',
      "import x from '../../pool/src/b.ts';",
      'import of ../../pool/src/b.ts',
    ],
  ])('finds %s', (_, path, text, what) => {
    expect(breaches(path, text)).toEqual([what]);
  });

  it.each([
    [
      'a core that uses internal and Node',
      'packages/cache/src/a.ts',
      "import { e } from 'node:events'; import { x } from '@forge/internal';",
    ],
    ['hdr-histogram-js in its entry', 'packages/monitor/src/hdr.ts', "import h from 'hdr-histogram-js';"],
    [
      'an app that uses packages and libraries',
      'apps/gateway/src/a.ts',
      "import { c } from '@forge/cache'; import { z } from 'zod';",
    ],
    ['a neighbour in a subfolder', 'packages/mcp/src/caching/a.ts', "import { x } from '../protocol/b.ts';"],
  ])('lets %s pass', (_, path, text) => {
    expect(breaches(path, text)).toEqual([]);
  });

  it('refuses an internal of more than 460 lines', () => {
    expect(breaches('packages/internal/src/a.ts', 'export const a = 1;\n'.repeat(461))).toEqual(['461 lines']);
  });
});

describe('privateNames', () => {
  it('finds each private package that a declaration names', () => {
    expect(
      privateNames("import { Clock } from '@forge/internal'; import { x } from '@forge/cache'; // @forge/internal"),
    ).toEqual(['@forge/internal']);
  });
});
