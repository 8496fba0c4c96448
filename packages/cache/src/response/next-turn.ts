/** Resolves in another turn of the event loop, so that others get theirs between the slices of a long piece of work. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
