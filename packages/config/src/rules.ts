import ts from 'typescript';

export interface SourceFile {
  /** From the root of the workspace. */
  readonly path: string;
  readonly area: 'packages' | 'apps';
  /** The folder of its package. */
  readonly owner: string;
  readonly text: string;
}

export interface Workspace {
  readonly files: readonly SourceFile[];
  readonly builtins: readonly string[];
}

export interface Breach {
  readonly file: string;
  readonly what: string;
  readonly why: string;
}

interface Allowed {
  /** Packages of Forge that it may import. */
  readonly forge: readonly string[];
  readonly thirdParty: readonly string[];
}

/**
 * Who may import whom. A core imports no other package of Forge but `internal`, which is inlined, so that each can be
 * chosen alone; an adapter imports its cores; apps import packages, never the other way round. With `internal` and
 * `config` at the end of every arrow there is no cycle.
 */
const CORES = ['cache', 'pool', 'batcher', 'monitor'] as const;
const ARROWS: Readonly<Record<string, Allowed>> = {
  internal: { forge: [], thirdParty: [] },
  config: { forge: [], thirdParty: ['tsup', 'typescript', 'vitest'] },
  cache: { forge: ['internal'], thirdParty: ['mnemonist'] },
  pool: { forge: ['internal'], thirdParty: ['mnemonist'] },
  batcher: { forge: ['internal'], thirdParty: ['mnemonist'] },
  monitor: { forge: ['internal'], thirdParty: ['mnemonist'] },
  'cache-redis': { forge: ['cache', 'internal'], thirdParty: ['redis'] },
  'pool-http': { forge: ['pool', 'internal'], thirdParty: ['undici'] },
  'pool-mysql': { forge: ['pool', 'internal'], thirdParty: ['mysql2'] },
  'pool-pg': { forge: ['pool', 'internal'], thirdParty: ['pg'] },
  'pool-ws': { forge: ['pool', 'internal'], thirdParty: ['ws'] },
  mcp: { forge: CORES, thirdParty: ['eventsource-parser'] },
};

/** Imports that one file alone may have: what is heavy stays behind its own entry. */
const BY_FILE: Readonly<Record<string, readonly string[]>> = {
  'packages/monitor/src/hdr.ts': ['hdr-histogram-js'],
};

const MAX_INTERNAL_LINES = 460;

/** Every import that goes against the arrows, and an `internal` that grew too big. */
export function findBreaches({ files, builtins }: Workspace): Breach[] {
  return [
    ...files.flatMap((file) => importsOf(file).flatMap((name) => breachOf(file, name, builtins))),
    ...sizeOfInternal(files),
  ];
}

function breachOf(file: SourceFile, name: string, builtins: readonly string[]): Breach[] {
  const isLocal = name.startsWith('.') || name.startsWith('node:') || builtins.includes(name);
  if (isLocal) return name.startsWith('.') ? escapes(file, name) : [];
  const breach = (why: string): Breach[] => [{ file: file.path, what: `import of ${name}`, why }];
  const forge = /^@forge\/([^/]+)/.exec(name)?.[1];
  if (file.area === 'apps') return forge === 'internal' ? breach('an app does not reach into @forge/internal') : [];
  const allowed = ARROWS[file.owner];
  if (allowed === undefined)
    return breach(`no arrows are written for ${file.owner}: add it to packages/config/src/rules.ts`);
  if (forge !== undefined) {
    return allowed.forge.includes(forge) ? [] : breach(`${file.owner} may import ${list(allowed.forge)} of Forge`);
  }
  const thirdParty = [...allowed.thirdParty, ...(BY_FILE[file.path] ?? [])];
  const isAllowed = thirdParty.some((dependency) => name === dependency || name.startsWith(`${dependency}/`));
  return isAllowed ? [] : breach(`${file.path} may import ${list(thirdParty)}`);
}

/** A relative import that leaves the package goes round its exports. */
function escapes(file: SourceFile, name: string): Breach[] {
  const inner = file.path.split('/').length - 3;
  const steps = name.split('/').filter((part) => part === '..').length;
  return steps > inner
    ? [{ file: file.path, what: `import of ${name}`, why: 'it leaves the source folder of its package' }]
    : [];
}

/** The private packages that a declaration file names: whoever installs the package would not find them. */
export function privateNames(declarations: string): string[] {
  return [...new Set(declarations.match(/@forge\/(?:internal|config)\b/g))];
}

function sizeOfInternal(sources: readonly SourceFile[]): Breach[] {
  const lines = sources
    .filter(({ owner }) => owner === 'internal')
    .reduce((sum, { text }) => sum + text.split('\n').length - 1, 0);
  if (lines <= MAX_INTERNAL_LINES) return [];
  return [{ file: 'packages/internal/src', what: `${lines} lines`, why: `internal has at most ${MAX_INTERNAL_LINES}` }];
}

function importsOf({ text }: SourceFile): string[] {
  return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName);
}

function list(names: readonly string[]): string {
  return names.length === 0 ? 'nothing' : `only ${names.join(', ')}`;
}
