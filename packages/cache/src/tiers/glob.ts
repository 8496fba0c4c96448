/**
 * Compiles a glob to a test on whole keys: `*` is any run of characters, also none, `?` is any one UTF-16 code unit, and
 * everything else is itself.
 *
 * The stars cut the pattern into parts. The first and the last are fixed to the ends of the key; each part between takes
 * the leftmost place where it fits after the one before, which is never worse than a later place, so that nothing is
 * ever tried again: no backtracking, whatever the number of stars. A test takes time in proportion to the key's length,
 * times the longest part in the worst case.
 */
export function globMatcher(glob: string): (key: string) => boolean {
  const parts = glob.split('*');
  const head = parts[0]!;
  if (parts.length === 1) return (key) => key.length === head.length && fits(head, key, 0);
  const tail = parts.at(-1)!;
  const middle = parts.slice(1, -1);
  return (key) => {
    const end = key.length - tail.length;
    let from = head.length;
    if (from > end || !fits(head, key, 0) || !fits(tail, key, end)) return false;
    for (const part of middle) {
      const at = find(part, key, from);
      from = at + part.length;
      if (at < 0 || from > end) return false;
    }
    return true;
  };
}

/** Whether someone who wrote this may have meant a regular expression. */
export function looksLikeRegExp(glob: string): boolean {
  return /[$^|\\]/.test(glob);
}

function fits(part: string, key: string, at: number): boolean {
  for (let i = 0; i < part.length; i++) if (part[i] !== '?' && part[i] !== key[at + i]) return false;
  return true;
}

/** The leftmost place from `from` on where the part fits; -1 when there is none. */
function find(part: string, key: string, from: number): number {
  if (!part.includes('?')) return key.indexOf(part, from);
  for (let at = from; at + part.length <= key.length; at++) if (fits(part, key, at)) return at;
  return -1;
}
