/**
 * The share of callers who wait when `load` = λ·W Erlangs come to `servers` (M/M/N), by the recursion for Erlang's loss
 * formula, which is stable where factorials overflow.
 *
 * A. K. Erlang 1917; W. Whitt, "The Erlang B and C Formulas: Problems and Solutions", 2002
 */
export function erlangC(servers: number, load: number): number {
  if (load >= servers) return 1;
  let loss = 1;
  for (let server = 1; server <= servers; server += 1) loss = (load * loss) / (server + load * loss);
  return (servers * loss) / (servers - load * (1 - loss));
}

/** Mean wait of all callers, in the unit of `hold`. */
export function meanWait(servers: number, load: number, hold: number): number {
  return (erlangC(servers, load) * hold) / (servers - load);
}
