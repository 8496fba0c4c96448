export interface Unit {
  readonly name: string;
  readonly format: (nanoseconds: number) => string;
}

/** The unit in which a time of that size reads well. */
export function unitFor(nanoseconds: number): Unit {
  if (nanoseconds < 1e4) return { name: 'ns', format: (value) => value.toFixed(1) };
  if (nanoseconds < 1e6) return { name: 'µs', format: (value) => (value / 1e3).toFixed(2) };
  return { name: 'ms', format: (value) => (value / 1e6).toFixed(2) };
}
