import { numberOption, objectOption } from '@forge/internal';
import { labelled, type GroupConfig, type GroupFunctions } from '../group/options.ts';
import { resolveOptions, type ConnectionConfig, type PoolOptions } from '../options.ts';

/**
 * How the connections of each key are made, checked and ended, and how many there may be: see {@link ConnectionConfig}.
 * `max` is of one key.
 */
export interface KeyedPoolOptions<K extends string, C> extends GroupFunctions<K, C>, Omit<GroupConfig<C>, 'min'> {
  /** Connections of all keys at most, those being created included. @default Infinity */
  readonly maxTotal?: number;
  /**
   * Keys at most that have connections or callers, or whose creates fail. Above it the key that has rested longest is given
   * up for a new one; where none rests, `acquire` rejects with POOL_KEYS_FULL.
   *
   * @default 1000
   */
  readonly maxKeys?: number;
  /** Callers of all keys that may wait at one time, for a create or for a place. @default 1000 */
  readonly maxPending?: number;
}

/** {@link KeyedPoolOptions} checked. */
export interface KeyedOptions<K, C> {
  /** Of the pool of no key in particular. */
  readonly common: PoolOptions<C>;
  /** Of the pool of a key. */
  readonly of: (key: K) => PoolOptions<C>;
  readonly maxTotal: number;
  readonly maxKeys: number;
}

const SUBJECT = 'create a KeyedPool';

/** @throws TypeError, RangeError for an option that is wrong */
export function resolveKeyed<K extends string, C>(options: KeyedPoolOptions<K, C>): KeyedOptions<K, C> {
  objectOption(SUBJECT, 'the options', options);
  for (const name of ['min', 'minIdle']) {
    const given: unknown = Reflect.get(options, name);
    if (given !== undefined) {
      throw new TypeError(`Cannot ${SUBJECT}: ${name} has no meaning where keys come and go, got ${typeof given}`);
    }
  }
  const atLeastOne = { min: 1, integer: true };
  const common = resolveOptions(options as unknown as ConnectionConfig<C>, SUBJECT);
  return {
    common,
    of: (key) => labelled(common, key),
    maxTotal: numberOption(SUBJECT, 'maxTotal', options.maxTotal, Infinity, atLeastOne),
    maxKeys: numberOption(SUBJECT, 'maxKeys', options.maxKeys, 1000, atLeastOne),
  };
}
