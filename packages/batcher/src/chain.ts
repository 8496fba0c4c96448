/** What a {@link Chain} needs of its nodes; the links belong to the chain that holds the node. */
export interface Linked<T> {
  previous: T | undefined;
  next: T | undefined;
}

/**
 * A queue that any member can leave in O(1): a doubly linked list through the nodes themselves.
 *
 * Not an array (a request that is aborted in the middle would cost O(n)) and not a Set (its iterator walks over the
 * places of the deleted, so that taking one head after the other from a long queue is quadratic).
 */
export class Chain<T extends Linked<T>> {
  first: T | undefined = undefined;
  last: T | undefined = undefined;
  size = 0;

  push(node: T): void {
    node.previous = this.last;
    if (this.last === undefined) this.first = node;
    else this.last.next = node;
    this.last = node;
    this.size++;
  }

  /** `node` must be a member. */
  remove(node: T): void {
    const { previous, next } = node;
    if (previous === undefined) this.first = next;
    else previous.next = next;
    if (next === undefined) this.last = previous;
    else next.previous = previous;
    node.previous = undefined;
    node.next = undefined;
    this.size--;
  }
}
