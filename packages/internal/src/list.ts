/** What an item of a {@link List} carries; only the list writes it. */
export interface Link<T extends Link<T>> {
  list: List<T> | undefined;
  previous: T | undefined;
  next: T | undefined;
}

/**
 * A doubly linked list whose links live in its items, so that an item in the middle leaves in O(1) and joining
 * allocates nothing. An item is in one list at most and knows it.
 */
export class List<T extends Link<T>> {
  first: T | undefined;
  last: T | undefined;
  size = 0;

  push(item: T): void {
    this.insertAfter(this.last, item);
  }

  /** Puts `item` behind `previous`, or first without one. */
  insertAfter(previous: T | undefined, item: T): void {
    const next = previous === undefined ? this.first : previous.next;
    item.list = this;
    item.previous = previous;
    item.next = next;
    if (previous === undefined) this.first = item;
    else previous.next = item;
    if (next === undefined) this.last = item;
    else next.previous = item;
    this.size += 1;
  }

  /** Does nothing when the item is not in this list. */
  remove(item: T): void {
    if (item.list !== this) return;
    const { previous, next } = item;
    if (previous === undefined) this.first = next;
    else previous.next = next;
    if (next === undefined) this.last = previous;
    else next.previous = previous;
    item.list = undefined;
    item.previous = undefined;
    item.next = undefined;
    this.size -= 1;
  }

  *[Symbol.iterator](): Iterator<T> {
    for (let item = this.first; item !== undefined; item = item.next) yield item;
  }
}
