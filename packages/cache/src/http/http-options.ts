import { choiceOption, functionOption, numberOption, objectOption, stringOption, type Clock } from '@forge/internal';
import { optionNames, type OptionNames } from '../option-names.ts';
import type { Bytes, Milliseconds } from '../units.ts';
import type { HttpRequest } from './http-message.ts';
import type { HttpStore } from './http-store.ts';

/** Options of an `HttpCache`. */
export interface HttpCacheOptions {
  /** Where responses are kept, such as `new ResponseCache<HttpRecord>({ maxBytes: 2 ** 28 })`. */
  readonly cache: HttpStore;
  /**
   * `shared`: the cache answers many users, and stores nothing that is meant for one. `private`: it answers one user, or
   * keeps users apart by `partition`.
   *
   * @default 'shared'
   */
  readonly mode?: 'shared' | 'private';
  /**
   * Requests of different partitions never share a stored response: a tenant, or the user, where the origin answers by a
   * `Cookie` without saying so. @default one for all
   */
  readonly partition?: (request: HttpRequest) => string;
  /**
   * Whether the answers to this POST or QUERY request may be stored under its body, by the response's own directives. Such
   * a request counts as safe. @default none may
   */
  readonly cacheBody?: (request: HttpRequest) => boolean;
  /** A body that is longer streams through unstored. @default 4194304 */
  readonly maxBodyBytes?: Bytes;
  /**
   * How stale a response may stand in while the next server cannot be reached, where neither side says (`stale-if-error`)
   * nor forbids it. 0 is never. @default 60000
   */
  readonly staleOnDisconnect?: Milliseconds;
  /** This cache's name in `Cache-Status`. @default 'forge' */
  readonly name?: string;
  /** The wall clock, in ms since the epoch. @default Date.now */
  readonly clock?: Clock;
}

/** The options of an `HttpCache`, checked and complete. */
export interface HttpCacheSettings {
  readonly cache: HttpStore;
  readonly shared: boolean;
  readonly partition: (request: HttpRequest) => string;
  readonly cacheBody: (request: HttpRequest) => boolean;
  readonly maxBodyBytes: Bytes;
  readonly staleOnDisconnect: Milliseconds;
  readonly name: string;
  readonly clock: Clock;
}

const MAX_BODY_BYTES: Bytes = 4 * 2 ** 20;
const STALE_ON_DISCONNECT: Milliseconds = 60_000;
const WALL_CLOCK: Clock = { now: () => Date.now() };

const NAMES: OptionNames<HttpCacheOptions> = {
  cache: true,
  mode: true,
  partition: true,
  cacheBody: true,
  maxBodyBytes: true,
  staleOnDisconnect: true,
  name: true,
  clock: true,
};

/** @throws TypeError or RangeError when an option has the wrong type or is out of range */
export function httpCacheSettings(options: HttpCacheOptions): HttpCacheSettings {
  const subject = 'create an HttpCache';
  objectOption(subject, 'the options', options);
  optionNames(subject, options, NAMES);
  const { cache, partition = () => '', cacheBody = () => false, name = 'forge', clock = WALL_CLOCK } = options;
  objectOption(subject, 'cache', cache);
  for (const method of ['get', 'set', 'invalidate', 'invalidateTag'] as const) {
    functionOption(subject, `cache.${method}`, cache[method]);
  }
  functionOption(subject, 'partition', partition);
  functionOption(subject, 'cacheBody', cacheBody);
  stringOption(subject, 'name', name);
  functionOption(subject, 'clock.now', Reflect.get(Object(clock) as object, 'now'));
  return Object.freeze({
    cache,
    shared: choiceOption(subject, 'mode', options.mode, ['shared', 'private']) === 'shared',
    partition,
    cacheBody,
    maxBodyBytes: numberOption(subject, 'maxBodyBytes', options.maxBodyBytes, MAX_BODY_BYTES),
    staleOnDisconnect: numberOption(subject, 'staleOnDisconnect', options.staleOnDisconnect, STALE_ON_DISCONNECT),
    name,
    clock,
  });
}
