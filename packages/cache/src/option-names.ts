/** The names of all options, which the compiler keeps complete. */
export type OptionNames<Options> = Readonly<Record<keyof Options, true>>;

/** @throws TypeError for a name that no option has: misspelt, it would give the default without a word */
export function optionNames(subject: string, options: object, ...known: readonly object[]): void {
  for (const name of Object.keys(options)) {
    if (known.some((names) => Object.hasOwn(names, name))) continue;
    throw new TypeError(
      `Cannot ${subject}: there is no option ${JSON.stringify(name)} (its options are in the README)`,
    );
  }
}
