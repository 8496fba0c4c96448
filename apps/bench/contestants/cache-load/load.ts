/** The load of `cache-load`: the same keys and values, in the same order, for every contestant. */
import type { Outcome, Setup } from '../../src/bench.ts';
import { seededRandom, shuffle } from '../../src/random.ts';
import { makeKey } from '../keys.ts';

export interface Value {
  readonly id: number;
}

/** The value of the key, from the cache or else from the loader. */
export type Ask = (key: string) => Promise<Value>;

export type Loader = () => Promise<Value>;

export const CAPACITY = 10_000;
const CALLERS = 32;
const SEED = 20_260_101;
const VALUE: Value = { id: 1 };

/** The setup of a contestant: the cache is full, and `hit` asks for what is in it. */
export function contestant(create: (load: Loader) => Ask): Setup {
  return async ({ case: { id, warmup, operations } }) => {
    const ask = create(async () => VALUE);
    const callers = id === 'coalesced' ? CALLERS : 1;
    const held = Array.from({ length: CAPACITY }, (_, index) => makeKey(index));
    for (const key of held) await ask(key);
    const asked =
      id === 'hit'
        ? shuffle(held, seededRandom(SEED))
        : Array.from({ length: (warmup + operations) / callers }, (_, index) => makeKey(CAPACITY + index));
    let position = 0;
    return async (count) => {
      let checksum = 0;
      for (let done = 0; done < count; done += callers) {
        const key = asked[position++ % asked.length]!;
        checksum += callers === 1 ? (await ask(key)).id : await together(ask, key);
      }
      return { checksum } satisfies Outcome;
    };
  };
}

async function together(ask: Ask, key: string): Promise<number> {
  const answers: Promise<Value>[] = [];
  for (let caller = 0; caller < CALLERS; caller++) answers.push(ask(key));
  let sum = 0;
  for (const answer of answers) sum += (await answer).id;
  return sum;
}
