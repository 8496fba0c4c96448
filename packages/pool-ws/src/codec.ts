/** What goes over the wire as one message: a string as text, bytes as binary. */
export type Frame = string | Uint8Array;

/** What names a subscription on one socket. */
export type SubscriptionKey = string | number;

/**
 * What one message of the server is. With an `id` it answers the request of that id: by its `error` where that is given,
 * else by its `result`. Without one but with a `subscription` it is a message of that subscription: `result` is for the
 * subscriber, and `done` or an `error` ends it. With `result` alone it is for the pool's `onMessage`.
 */
export interface Decoded {
  readonly id?: unknown;
  readonly result?: unknown;
  readonly error?: unknown;
  /** With an `id`: the name of the subscription that was asked for, where it is not the `result` itself. */
  readonly subscription?: unknown;
  readonly done?: boolean;
}

/**
 * The language that a server speaks: how requests are written and messages are read. Ids are the pool's own: integers
 * from 1, each used once in the life of a pool.
 */
export interface Codec<Request, Result> {
  /**
   * Writes a request, or without an id a message that is not answered. Throwing refuses the payload: whoever gave it
   * gets the error at once.
   */
  encode(id: number | undefined, payload: Request): Frame;
  /** Reads one message: text as a string, binary as bytes. Throwing says that the server should not have sent it. */
  decode(frame: string | Buffer): Decoded & { readonly result?: Result };
  /**
   * False where the server answers neither a subscribe nor an unsubscribe, and names a subscription by the id of its
   * request.
   *
   * @default true
   */
  readonly acknowledges?: boolean;
}
