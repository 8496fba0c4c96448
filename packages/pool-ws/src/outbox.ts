import type { WebSocket } from 'ws';
import type { Frame } from './codec.ts';

/** What a message is sent under: a lease, which ends when whoever sends it is done, or later. */
export interface Permit {
  /** True: it ends by `end`, and not with its message. */
  isKept: boolean;
  /** Whether the server may have it. */
  isSent: boolean;
  readonly end: () => void;
}

interface Item {
  readonly frame: Frame;
  readonly permit: Permit;
  /** Called when it is written, or would be: false where nobody wants that any more. */
  readonly onTurn: () => boolean;
}

/**
 * What goes out over one socket, and how much of it is not sent yet. A WebSocket takes all that it is given: when the server
 * does not read, the memory of the process is the buffer. So above a limit nothing is written until half of it has gone:
 * whatever has a lease already waits here, in order, and the pool gives no more leases.
 *
 * The pool looks at a connection when a lease of it ends, and at no other time. So the lease of the message that filled the
 * buffer is kept: it ends when the buffer has drained, whatever has become of its request by then.
 */
export class Outbox {
  readonly #socket: WebSocket;
  readonly #limit: number;
  #items: Item[] = [];
  /** Of the message that filled the buffer. */
  #kept: Permit | undefined;

  constructor(socket: WebSocket, limit: number) {
    this.#socket = socket;
    this.#limit = limit;
  }

  get isFull(): boolean {
    return this.#kept !== undefined;
  }

  put(item: Item): void {
    if (this.isFull) this.#items.push(item);
    else this.#write(item);
  }

  /** The socket has ended: nothing will be written, and no lease is kept. */
  end(): void {
    this.#items = [];
    this.#relieve();
  }

  #write({ frame, permit, onTurn }: Item): void {
    if (!onTurn()) return;
    permit.isSent = true;
    this.#socket.send(frame);
    if (this.#socket.bufferedAmount <= this.#limit) return;
    permit.isKept = true;
    this.#kept = permit;
    this.#mark();
  }

  /** A ping is in order with all that was written: when it has gone, that has gone too. */
  #mark(): void {
    this.#socket.ping(undefined, undefined, () => {
      // Of a socket that is closing nothing more can be written: `end` will come.
      if (!this.isFull || this.#socket.readyState !== this.#socket.OPEN) return;
      if (this.#socket.bufferedAmount > this.#limit / 2) this.#mark();
      else this.#relieve();
    });
  }

  #relieve(): void {
    const relieved = this.#kept;
    this.#kept = undefined;
    const waiting = this.#items.splice(0);
    let written = 0;
    while (written < waiting.length && !this.isFull) this.#write(waiting[written++]!);
    this.#items = waiting.slice(written);
    relieved?.end();
  }
}
