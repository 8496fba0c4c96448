/** One promise of a seam; `run` rejects with an AssertionError when it is not kept. */
export interface ContractCase {
  readonly name: string;
  readonly run: () => Promise<void>;
}

/** Runs `test` on what `create` makes, and closes that on every path. */
export function contractCase<T extends { close?(): Promise<void> }>(
  create: () => T | Promise<T>,
  name: string,
  test: (underTest: T) => Promise<void>,
): ContractCase {
  const run = async (): Promise<void> => {
    const underTest = await create();
    try {
      await test(underTest);
    } finally {
      await underTest.close?.();
    }
  };
  return { name, run };
}
