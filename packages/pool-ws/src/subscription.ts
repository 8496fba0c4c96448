import { AsyncLocalStorage } from 'node:async_hooks';
import type { Channel } from './channel.ts';
import type { Frame, SubscriptionKey } from './codec.ts';
import type { ConnectionRequestOptions } from './connection.ts';

/** How a subscription is opened, and what it does besides delivering. */
export interface SubscribeOptions<Request, Result> extends ConnectionRequestOptions {
  /** 0 to 7, higher is sooner, of the wait for a socket. @default 0 */
  readonly priority?: number;
  /**
   * Makes what tells the server that the subscription has ended; without it the server is not told.
   *
   * @param key what the server named the subscription by, on its present socket
   */
  readonly unsubscribe?: (key: SubscriptionKey) => Request;
  /**
   * Called when the subscription was lost with its socket and has been opened again, with the answer to that. What the
   * server had for it meanwhile is lost.
   */
  readonly onResume?: (answer: Result) => unknown;
}

/** What the pool does for a subscription; the subscriber has {@link Subscription}. */
export interface Subscribed<Request, Result> {
  readonly id: number;
  /** What opens it, on whichever socket. */
  readonly frame: Frame;
  readonly onMessage: (message: Result) => unknown;
  readonly options: SubscribeOptions<Request, Result>;
  /** Its place in the order of first answers; 0 before. */
  rank: number;
  /** Where it is asked for at the moment. */
  opening: Channel<Request, Result> | undefined;
  /** Where its messages come from. */
  home: Channel<Request, Result> | undefined;
  key: SubscriptionKey | undefined;
  isEnded: boolean;
  readonly end: (reason: unknown) => void;
}

/**
 * Messages of the server that keep coming, on whichever socket. When its socket ends it is opened again on another, after
 * those that were opened before it.
 */
export class Subscription implements AsyncDisposable {
  /**
   * Resolves when no message will come any more: with undefined after `unsubscribe`, the close of the pool or the server's
   * own end, else with the error that ended it. It never rejects.
   */
  readonly ended: Promise<unknown>;
  readonly #unsubscribe: () => Promise<void>;

  constructor(ended: Promise<unknown>, unsubscribe: () => Promise<void>) {
    this.ended = ended;
    this.#unsubscribe = unsubscribe;
  }

  /**
   * Ends it: from here on no message is delivered. Resolves when the server has confirmed, if it is told and can be.
   *
   * @throws WebSocketError WS_REMOTE_ERROR, WS_REQUEST_TIMEOUT when the server does not confirm (as a rejection)
   */
  unsubscribe(): Promise<void> {
    return this.#unsubscribe();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.unsubscribe();
  }
}

/** Its messages are delivered in the async context of the subscriber, though the socket belongs to the pool. */
export function subscribed<Request, Result>(
  { id, frame }: { readonly id: number; readonly frame: Frame },
  onMessage: (message: Result) => unknown,
  options: SubscribeOptions<Request, Result>,
): Subscribed<Request, Result> & { readonly ended: Promise<unknown> } {
  let resolve!: (reason: unknown) => void;
  const ended = new Promise<unknown>((settle) => (resolve = settle));
  const self = {
    id,
    frame,
    onMessage: AsyncLocalStorage.bind(onMessage),
    options,
    rank: 0,
    opening: undefined,
    home: undefined,
    key: undefined,
    isEnded: false,
    ended,
    end: (reason: unknown) => {
      self.isEnded = true;
      resolve(reason);
    },
  };
  return self;
}
