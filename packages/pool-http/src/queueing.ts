import { numberOption, objectOption } from '@forge/internal';
import type { AcquireOptions } from '@forge/pool';
import type { Dispatcher } from 'undici';

/** How one request waits for a connection. */
export type Queueing = Pick<AcquireOptions, 'priority' | 'timeout'>;

const QUEUEING = Symbol('queueing');
const USUAL: Queueing = Object.freeze({});

/**
 * An interceptor that says how requests wait for a connection: with what priority, from 0 to 7, and how long at most.
 *
 * @throws TypeError, RangeError when one of them is wrong
 *
 * @example
 * const urgent = pool.compose(queueing({ priority: 7, timeout: 500 }));
 * await fetch('https://example.com/', { dispatcher: urgent });
 */
export function queueing(how: Queueing): Dispatcher.DispatcherComposeInterceptor {
  const subject = 'queue requests';
  objectOption(subject, 'the options', how);
  numberOption(subject, 'priority', how.priority, 0, { integer: true, max: 7 });
  numberOption(subject, 'timeout', how.timeout, 0);
  return (dispatch) => (options, handler) => dispatch(Object.assign({}, options, { [QUEUEING]: how }), handler);
}

export function queueingOf(options: Dispatcher.DispatchOptions): Queueing {
  return (options as { readonly [QUEUEING]?: Queueing })[QUEUEING] ?? USUAL;
}
