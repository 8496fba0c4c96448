/** Something that will happen, until it is taken back. */
export interface Happening {
  readonly at: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/**
 * Time that jumps from one event to the next: hours in milliseconds, and the same for every run.
 *
 * A binary heap by time, then by order of scheduling. What is taken back stays in it, empty, until its time.
 */
export class VirtualTime {
  readonly #heap: Happening[] = [];
  #now = 0;
  #scheduled = 0;

  /** So that it is a Clock. */
  now(): number {
    return this.#now;
  }

  at(at: number, run: () => void): Happening {
    const happening: Happening = { at: Math.max(at, this.#now), order: (this.#scheduled += 1), run };
    push(this.#heap, happening);
    return happening;
  }

  after(delay: number, run: () => void): Happening {
    return this.at(this.#now + delay, run);
  }

  /** Runs the next event that is due until `end`; false when there is none, and it is `end` then. */
  step(end: number): boolean {
    const [next] = this.#heap;
    if (next === undefined || next.at > end) {
      if (end !== Infinity) this.#now = end;
      return false;
    }
    shift(this.#heap);
    this.#now = next.at;
    next.run?.();
    return true;
  }

  /** Runs all that is due until `end`. */
  runUntil(end: number): void {
    let isDue = true;
    while (isDue) isDue = this.step(end);
  }
}

function before(one: Happening, other: Happening): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}

function push(heap: Happening[], item: Happening): void {
  let index = heap.length;
  while (index > 0) {
    const parent = heap[(index - 1) >> 1] as Happening;
    if (!before(item, parent)) break;
    heap[index] = parent;
    index = (index - 1) >> 1;
  }
  heap[index] = item;
}

function shift(heap: Happening[]): void {
  const item = heap.pop() as Happening;
  if (heap.length === 0) return;
  let index = 0;
  for (let child = 1; child < heap.length; child = 2 * index + 1) {
    const right = heap[child + 1];
    if (right !== undefined && before(right, heap[child] as Happening)) child += 1;
    if (!before(heap[child] as Happening, item)) break;
    heap[index] = heap[child] as Happening;
    index = child;
  }
  heap[index] = item;
}
