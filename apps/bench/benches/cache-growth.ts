import type { Bar, Bench, Case } from '../src/bench.ts';

/** The last is for a full run alone: it takes minutes and some gigabytes. */
const SIZES = [1e3, 1e4, 1e5, 1e6, 1e7];
const LARGEST_CHECKED = 1e6;
/** At a cost per operation of at most 1.5 times the Map's. */
const SPEED = 1 / 1.5;

const casesOf = (entries: number): [Case, Case] => {
  const operations = Math.max(entries, 1e6);
  const common = { operations, warmup: Math.min(operations, 1e6), fullRunOnly: entries > LARGEST_CHECKED };
  return [
    { ...common, id: `fill ${entries}`, operation: `one \`set\` of a new key, on the way from no entry to ${entries}` },
    { ...common, id: `read ${entries}`, operation: `one \`get\` of a random key among ${entries}` },
  ];
};

const contestantOf = (id: string): string => import.meta.resolve(`../contestants/cache-growth/${id}.ts`);

export const bench: Bench = {
  title: 'From a thousand entries to ten million',
  load:
    'Keys of 34 characters, made before the clock starts; bounds that are never exceeded. A stall is the longest that ' +
    '64 operations of a fill took, the making of the table included: the median over the fills of a round. `map` is ' +
    'given the same keys. `--check` goes up to a million.',
  rounds: 5,
  checkRounds: 3,
  cases: SIZES.flatMap(casesOf) as [Case, ...Case[]],
  contestants: [
    { id: 'forge', role: 'forge', package: '@forge/cache', module: contestantOf('forge') },
    { id: 'lru-cache', role: 'rival', package: 'lru-cache', module: contestantOf('lru-cache') },
    { id: 'map', role: 'yardstick', module: contestantOf('map') },
  ],
  bars: SIZES.flatMap((entries): Bar[] => [
    { case: `fill ${entries}`, observation: 'longest stall, ms', contestant: 'forge', rival: 'map', atMostTimes: 1.5 },
    { case: `fill ${entries}`, figure: 'cpu', contestant: 'forge', rival: 'map', atLeast: SPEED },
    { case: `read ${entries}`, figure: 'cpu', contestant: 'forge', rival: 'map', atLeast: SPEED },
  ]),
};
