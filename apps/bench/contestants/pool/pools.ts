import type { Contestant } from '../../src/bench.ts';

/** Everybody who pools connections, for the benches that take them all or all but one. */
export const pools: readonly Contestant[] = [
  ours('forge', '@forge/pool'),
  ...['generic-pool', 'tarn', 'lightning-pool', 'sequelize-pool', 'pg-pool'].map((name) => rival(name)),
  { id: 'lb2', role: 'yardstick', module: moduleOf('lb2') },
];

function ours(id: string, name: string): Contestant {
  return { id, role: 'forge', package: name, module: moduleOf(id) };
}

function rival(name: string): Contestant {
  return { id: name, role: 'rival', package: name, module: moduleOf(name) };
}

function moduleOf(id: string): string {
  return import.meta.resolve(`./${id}.ts`);
}
