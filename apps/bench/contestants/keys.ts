/** 34 characters, as long as a method with a digest; through a buffer, for a concatenation would be flattened later. */
export function makeKey(index: number): string {
  return Buffer.from(`tools/call:${index.toString(16).padStart(23, '0')}`).toString('latin1');
}
