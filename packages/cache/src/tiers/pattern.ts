import { globMatcher } from './glob.ts';
import type { Invalidation } from './store.ts';

/** Compiles an invalidation by pattern to a test on whole keys. */
export function patternMatcher({ prefix, glob }: Extract<Invalidation, { kind: 'pattern' }>): (key: string) => boolean {
  const matches = globMatcher(glob);
  return (key) => key.startsWith(prefix) && matches(key.slice(prefix.length));
}
