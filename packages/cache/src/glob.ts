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
  const parts = glob.split('*').map((text) => (text.includes('?') ? wildPart(text) : plainPart(text)));
  const head = parts[0]!;
  if (parts.length === 1) return (key) => key.length === head.length && head.fits(key, 0);
  const tail = parts.at(-1)!;
  const middle = parts.slice(1, -1);
  return (key) => {
    const end = key.length - tail.length;
    let from = head.length;
    if (from > end || !head.fits(key, 0) || !tail.fits(key, end)) return false;
    for (const part of middle) {
      const at = part.find(key, from);
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

interface Part {
  readonly length: number;
  fits(key: string, at: number): boolean;
  /** The leftmost place from `from` on where it fits; -1 when there is none. */
  find(key: string, from: number): number;
}

function plainPart(text: string): Part {
  return {
    length: text.length,
    fits: (key, at) => key.startsWith(text, at),
    find: (key, from) => key.indexOf(text, from),
  };
}

function wildPart(text: string): Part {
  const any = '?'.charCodeAt(0);
  const codes = Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
  const fits = (key: string, at: number): boolean =>
    codes.every((code, i) => code === any || code === key.charCodeAt(at + i));
  return {
    length: text.length,
    fits,
    find(key, from) {
      for (let at = from; at + codes.length <= key.length; at++) if (fits(key, at)) return at;
      return -1;
    },
  };
}
