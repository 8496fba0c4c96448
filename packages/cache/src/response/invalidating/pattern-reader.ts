import { stringOption } from '@forge/internal';
import { globMatcher, looksLikeRegExp } from '../../tiers/glob.ts';

/** Makes tests on keys of patterns, and warns once of a string that looks like a regular expression. */
export class PatternReader {
  #warned = false;

  /** @throws TypeError when it is neither a string nor a RegExp */
  read(pattern: string | RegExp): (key: string) => boolean {
    if (isRegExp(pattern)) return regExpMatcher(pattern);
    stringOption('invalidate a pattern', 'the pattern, when it is no RegExp,', pattern);
    if (!this.#warned && looksLikeRegExp(pattern)) {
      this.#warned = true;
      process.emitWarning(
        `invalidatePattern takes a string as a glob, in which only * and ? are special; to use ${JSON.stringify(pattern)} as a regular expression, pass a RegExp`,
        { code: 'FORGE_CACHE_GLOB' },
      );
    }
    return globMatcher(pattern);
  }
}

/** Another realm's too, which is no instance of this realm's class. */
export function isRegExp(value: unknown): value is RegExp {
  return Object.prototype.toString.call(value) === '[object RegExp]';
}

/** On a copy: `test` with the flag g or y starts at `lastIndex` and moves it, so it must be reset, and on no one else's. */
function regExpMatcher(pattern: RegExp): (key: string) => boolean {
  const own = new RegExp(pattern.source, pattern.flags);
  return (key) => {
    own.lastIndex = 0;
    return own.test(key);
  };
}
