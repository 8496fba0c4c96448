/** @throws TypeError for a name that no option has: misspelt, it would share what was to be kept apart */
export function optionNames(subject: string, options: object, known: readonly string[]): void {
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    throw new TypeError(
      `Cannot ${subject}: there is no option ${JSON.stringify(name)} (its options are in the README)`,
    );
  }
}
