/** The load of `cache-growth`: a table that grows from nothing, again and again, and reads of a full one. */
import type { Outcome, Setup } from '../../src/bench.ts';
import { seededRandom } from '../../src/random.ts';
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
  return ({ case: { id } }) => {
    const [kind, size] = id.split(' ');
    const entries = Number(size);
    const keys = Array.from({ length: entries }, (_, index) => makeKey(index));
    return kind === 'fill' ? fills(keys, create) : reads(keys, create(entries));
  };
}

function fills(keys: readonly string[], create: (entries: number) => Table): (operations: number) => Outcome {
  let table = create(keys.length);
  let next = 0;
  return (operations) => {
    let longest = 0;
    let last = threadTime();
    for (let done = 1; done <= operations; done++) {
      if (next === keys.length) {
        table = create(keys.length);
        next = 0;
      }
      table.set(keys[next++]!, VALUE);
      if (done % STRIDE === 0 || done === operations) {
        const now = threadTime();
        longest = Math.max(longest, now - last);
        last = now;
      }
    }
    return { checksum: table.get(keys[next - 1]!)!.id * operations, peaks: { 'longest stall, ms': longest / 1e3 } };
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

/** In microseconds, of this thread alone: what others take of the processor is no stall of the table's. */
function threadTime(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}
