import { errors, type Dispatcher } from 'undici';

const UPGRADED = ['onRequestStart', 'onResponseError', 'onRequestUpgrade'] as const;
const ANSWERED = ['onRequestStart', 'onResponseError', 'onResponseStart', 'onResponseData', 'onResponseEnd'] as const;

/**
 * As undici checks a handler, which here sees only what stands before it.
 *
 * @throws InvalidArgumentError of undici when one of its methods is missing
 */
export function checkHandler(handler: unknown, options: unknown): asserts handler is Dispatcher.DispatchHandler {
  if (Object(handler) !== handler) throw new errors.InvalidArgumentError('handler must be an object');
  const { method, upgrade } = Object(options) as Partial<Dispatcher.DispatchOptions>;
  const isUpgrade = method === 'CONNECT' || Boolean(upgrade);
  for (const name of isUpgrade ? UPGRADED : ANSWERED) {
    const given: unknown = Reflect.get(handler as object, name);
    if (typeof given !== 'function') throw new errors.InvalidArgumentError(`invalid ${name} method`);
  }
}
