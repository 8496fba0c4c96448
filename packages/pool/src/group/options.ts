import type { DestroyReason, ErrorClass, ErrorPhase } from '../events.ts';
import type { ConnectionConfig, PoolOptions } from '../options.ts';

/** The functions of a {@link ConnectionConfig}, each told which pool of a group (a key, an endpoint) it is called for. */
export interface GroupFunctions<Label, C> {
  /** Makes one connection, as a ConnectionPool's does; it will serve this `label` only. */
  readonly create: (label: Label, signal: AbortSignal) => C | PromiseLike<C>;
  readonly destroy?: (connection: C, reason: DestroyReason, label: Label) => unknown;
  readonly validate?: (connection: C, signal: AbortSignal, label: Label) => boolean | PromiseLike<boolean>;
  readonly reset?: (connection: C, label: Label) => unknown;
  readonly onClosed?: (connection: C, evict: (error?: unknown) => void, label: Label) => unknown;
  readonly classifyError?: (error: unknown, phase: ErrorPhase, label: Label) => ErrorClass;
  readonly concurrency?: number | ((connection: C, label: Label) => number);
}

/** The options of pools in a group that mean there what they mean in one pool. */
export type GroupConfig<C> = Omit<ConnectionConfig<C>, keyof GroupFunctions<unknown, C>>;

/**
 * Options of the pool of one label, from those of all. These were checked and bound as a single pool's, with functions that
 * take one argument more.
 */
export function labelled<C>(common: PoolOptions<C>, label: unknown): PoolOptions<C> {
  const functions = common as unknown as Required<GroupFunctions<unknown, C>>;
  const { create, destroy, validate, reset, onClosed, classifyError, concurrency } = functions;
  return {
    ...common,
    // The bound is of all.
    maxPending: Infinity,
    create: (signal) => create(label, signal),
    destroy: (connection, reason) => destroy(connection, reason, label),
    validate: common.validate && ((connection, signal) => validate(connection, signal, label)),
    reset: common.reset && ((connection) => reset(connection, label)),
    onClosed: (connection, evict) => onClosed(connection, evict, label),
    classifyError: common.classifyError && ((error, phase) => classifyError(error, phase, label)),
    concurrency: typeof concurrency === 'number' ? concurrency : (connection) => concurrency(connection, label),
  };
}
