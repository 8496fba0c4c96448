import { readdirSync } from 'node:fs';
import type { Bench } from './bench.ts';

/** Names of the benches in a folder: one file each. */
export function benchNames(folder: URL): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.slice(0, -'.ts'.length))
    .toSorted();
}

/** @throws TypeError when the file declares no sound bench */
export async function loadBench(folder: URL, name: string): Promise<Bench> {
  const { bench } = (await import(new URL(`${name}.ts`, folder).href)) as { readonly bench?: Bench };
  if (bench === undefined) throw new TypeError(`Cannot load bench ${name}: it must export \`bench\`, got none`);
  validate(name, bench);
  return bench;
}

/** What the types cannot say: ids that are unique, and bars that name what there is. */
function validate(name: string, { cases, contestants, bars = [] }: Bench): void {
  const caseIds = unique(name, 'case', cases);
  const contestantIds = unique(name, 'contestant', contestants);
  for (const bar of bars) {
    requireOneOf(name, 'a case', caseIds, bar.case);
    requireOneOf(name, 'a contestant', contestantIds, bar.contestant);
    if ('rival' in bar) requireOneOf(name, 'a contestant', contestantIds, bar.rival);
  }
}

function unique(name: string, kind: string, items: readonly { readonly id: string }[]): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const { id } of items) {
    if (ids.has(id)) throw new TypeError(`Cannot load bench ${name}: ids of ${kind}s must be unique, got ${id} twice`);
    ids.add(id);
  }
  return ids;
}

function requireOneOf(name: string, what: string, ids: ReadonlySet<string>, id: string): void {
  if (!ids.has(id)) throw new TypeError(`Cannot load bench ${name}: a bar must name ${what} of it, got ${id}`);
}
