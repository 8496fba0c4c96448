import { functionOption, objectOption } from '@forge/internal';

/** What makes, ends and checks resources. */
export interface Factory<T> {
  create(): Promise<T>;
  destroy(client: T): Promise<void>;
  /** Only `false` is a failure, and rejecting. */
  validate?(client: T): Promise<boolean>;
}

/** The options of generic-pool 3.9, with its defaults. */
export interface Options {
  /** @default 1 */
  max?: number;
  /** @default 0 */
  min?: number;
  /** Callers that may wait while the pool is full. @default no limit */
  maxWaitingClients?: number;
  /** Checks what was idle before it is borrowed; needs `validate`. @default false */
  testOnBorrow?: boolean;
  /** Checks what comes back before anybody else gets it; needs `validate`. @default false */
  testOnReturn?: boolean;
  /** @default no limit */
  acquireTimeoutMillis?: number;
  /** A destroy that takes longer is told as a `factoryDestroyError`. @default no limit */
  destroyTimeoutMillis?: number;
  /** Whether the longest idle resource is borrowed first, else the latest. @default true */
  fifo?: boolean;
  /** `acquire` takes priorities from 0, the most urgent, to one below this. @default 1 */
  priorityRange?: number;
  /** Makes the minimum at once, and not with `start()` or the first `acquire`. @default true */
  autostart?: boolean;
  /** Pause between two runs of the evictor. @default 0: none runs, nothing is evicted */
  evictionRunIntervalMillis?: number;
  /** Resources that one run looks at, the longest idle first. @default 3 */
  numTestsPerEvictionRun?: number;
  /** What is idle for longer is evicted while more than `min` are. @default -1: never */
  softIdleTimeoutMillis?: number;
  /** What is idle for longer is evicted, and replaced where `min` needs it. @default 30_000 */
  idleTimeoutMillis?: number;
  /** The class of the promises that the pool returns. @default the global one */
  Promise?: PromiseConstructorLike;
}

export type PoolOptions = Readonly<Required<Options>>;

/**
 * As lenient as generic-pool: strings are parsed, what is malformed counts as absent, and so does 0 where it means nothing.
 *
 * @throws TypeError when there are no options but something else, or when a test has nothing that tests
 */
export function resolveOptions<T>(factory: Factory<T>, options: Options = {}): PoolOptions {
  const subject = 'create a pool';
  objectOption(subject, 'the factory', factory);
  for (const name of ['create', 'destroy']) functionOption(subject, `factory.${name}`, Reflect.get(factory, name));
  objectOption(subject, 'the options', options);
  const { testOnBorrow = false, testOnReturn = false, fifo = true, autostart = true } = options;
  functionOption(subject, 'factory.validate', Reflect.get(factory, 'validate'), !(testOnBorrow || testOnReturn));
  functionOption(subject, 'Promise', options.Promise, true);
  const max = Math.max(integer(options.max, 1), 1);
  return Object.freeze({
    max,
    min: Math.min(Math.max(integer(options.min, 0), 0), max),
    maxWaitingClients: integer(options.maxWaitingClients, Infinity),
    testOnBorrow,
    testOnReturn,
    acquireTimeoutMillis: positive(options.acquireTimeoutMillis, Infinity),
    destroyTimeoutMillis: positive(options.destroyTimeoutMillis, Infinity),
    fifo,
    priorityRange: Math.max(integer(options.priorityRange, 1), 1),
    autostart,
    evictionRunIntervalMillis: positive(options.evictionRunIntervalMillis, Infinity),
    numTestsPerEvictionRun: positive(options.numTestsPerEvictionRun, 3),
    softIdleTimeoutMillis: positive(options.softIdleTimeoutMillis, Infinity),
    idleTimeoutMillis: positive(options.idleTimeoutMillis, 30_000),
    Promise: options.Promise ?? Promise,
  });
}

function integer(value: unknown, fallback: number): number {
  const number = Number.parseInt(String(value), 10);
  return Number.isNaN(number) ? fallback : number;
}

function positive(value: unknown, fallback: number): number {
  const number = integer(value, fallback);
  return number > 0 ? number : fallback;
}
