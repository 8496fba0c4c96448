/** The load of `cache-growth`: a table that grows from nothing, again and again, and reads of a full one. */
import type { Case, Outcome, Setup } from '../../src/bench.ts';
import { seededRandom } from '../../src/random.ts';
import { median } from '../../src/statistics.ts';
import { makeKey } from '../keys.ts';

export interface Value {
  readonly id: number;
}

interface Table {
  get(key: string): Value | undefined;
  set(key: string, value: Value): unknown;
}

const SEED = 20_261_123;
const VALUE: Value = Object.freeze({ id: 1 });
/** Operations between two looks at the clock, which costs as much as some of them. */
const STRIDE = 64;

/** The setup of a contestant; the id of the case is `fill` or `read` and the number of entries. */
export function contestant(create: (entries: number) => Table): Setup {
  return ({ case: part }) => {
    const [kind, size] = part.id.split(' ');
    const entries = Number(size);
    const keys = Array.from({ length: entries }, (_, index) => makeKey(index));
    return kind === 'fill' ? fills(keys, create, part) : reads(keys, create(entries));
  };
}

/**
 * The longest stall of a round is the median over its fills, for that of all fills is the worst that happened to the
 * machine meanwhile. By the clock on the wall: that of the thread's processor time moves in steps of milliseconds.
 */
function fills(
  keys: readonly string[],
  create: (entries: number) => Table,
  { warmup, operations }: Case,
): (operations: number) => Outcome {
  let table = create(keys.length);
  let next = 0;
  let done = 0;
  let longest = 0;
  let longests: number[] = [];
  const startOver = (): void => {
    table = create(keys.length);
    next = 0;
    longest = 0;
  };
  return (count) => {
    if (done === warmup) {
      startOver();
      longests = [];
    }
    const end = done + count;
    let last = performance.now();
    while (done < end) {
      if (next === keys.length) startOver();
      table.set(keys[next++]!, VALUE);
      done++;
      if (done % STRIDE !== 0 && next < keys.length && done < end) continue;
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
      if (next === keys.length) longests.push(longest);
    }
    // A fill may last for several turns: the peak of all is what the last turn tells.
    const stall = end === warmup + operations ? median(longests) : 0;
    return { checksum: table.get(keys[next - 1]!)!.id * count, peaks: { 'longest stall, ms': stall } };
  };
}

function reads(keys: readonly string[], table: Table): (operations: number) => Outcome {
  for (const key of keys) table.set(key, VALUE);
  const random = seededRandom(SEED);
  return (operations) => {
    let checksum = 0;
    for (let done = 0; done < operations; done++) checksum += table.get(keys[Math.floor(random() * keys.length)]!)!.id;
    return { checksum };
  };
}
