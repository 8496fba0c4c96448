import { choiceOption, numberOption, objectOption, signalOption } from '@forge/internal';
import type { Clock, Milliseconds } from '@forge/pool';
import type { Codec, Frame } from './codec.ts';
import type { ConnectionRequestOptions } from './connection.ts';
import type { Call } from './in-flight.ts';

/** Of the core's queue. */
const HIGHEST_PRIORITY = 7;

/** All that somebody may say about his message; what concerns the queue is only checked here, at once. */
interface CallOptions extends ConnectionRequestOptions {
  readonly priority?: number;
  readonly idempotent?: boolean;
}

export interface WriterParts<Request> {
  readonly clock: Clock;
  readonly codec: Pick<Codec<Request, unknown>, 'encode'>;
  readonly requestTimeout: Milliseconds;
}

/**
 * Writes what a pool sends. Ids are the pool's own and never used twice, on whichever of its sockets: so what a caller puts
 * into his payload cannot collide, a frame can be sent again as it is, and an answer that is late is told from a new one.
 */
export class Writer<Request> {
  readonly #parts: WriterParts<Request>;
  #lastId = 0;

  constructor(parts: WriterParts<Request>) {
    this.#parts = parts;
  }

  /**
   * A request that goes out now or later, with its deadline.
   *
   * @throws TypeError, RangeError for an option that is wrong; what the codec throws
   */
  call(payload: Request, options: CallOptions): Call {
    const id = (this.#lastId += 1);
    return this.#call(id, written(this.#parts.codec, id, payload), options);
  }

  /** A message without an answer, with a deadline for its writing. @throws as `call` */
  message(payload: Request, options: CallOptions): Call {
    return this.#call((this.#lastId += 1), this.frame(payload), options);
  }

  /** A message without an answer that goes out at once. @throws what the codec throws */
  frame(payload: Request): Frame {
    return written(this.#parts.codec, undefined, payload);
  }

  #call(id: number, frame: Frame, options: CallOptions): Call {
    const subject = 'send a message';
    objectOption(subject, 'the options', options);
    const { signal, timeout, priority, idempotent } = options;
    const { clock, requestTimeout } = this.#parts;
    signalOption(subject, signal);
    numberOption(subject, 'priority', priority, 0, { integer: true, max: HIGHEST_PRIORITY });
    choiceOption(subject, 'idempotent', idempotent, [false, true]);
    const patience = numberOption(subject, 'timeout', timeout, requestTimeout);
    return { id, frame, signal, timeout: patience, at: clock.now() + patience };
  }
}

/** @throws TypeError when the codec writes neither text nor bytes; what it throws itself */
function written<Request>(codec: WriterParts<Request>['codec'], id: number | undefined, payload: Request): Frame {
  const frame: unknown = codec.encode(id, payload);
  if (typeof frame === 'string' || frame instanceof Uint8Array) return frame;
  throw new TypeError(`Cannot send a message: codec.encode must return a string or bytes, got ${typeof frame}`);
}
