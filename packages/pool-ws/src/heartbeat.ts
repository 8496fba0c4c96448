import { Deadlines, type Clock, type Deadline } from '@forge/internal';
import type { Milliseconds } from '@forge/pool';
import type { WebSocket } from 'ws';

/**
 * The timer of all heartbeats of a pool: it never holds the process, and after a stall of the event loop it lets the
 * sockets be read first, so that a stall here is not taken for silence there.
 */
export function heartbeatTimer(clock: Clock): Deadlines<Heartbeat> {
  return new Deadlines(clock, (heartbeat) => heartbeat.look(), { unref: true });
}

export interface HeartbeatParts {
  readonly socket: WebSocket;
  readonly interval: Milliseconds;
  readonly clock: Clock;
  readonly timer: Deadlines<Heartbeat>;
  /** The peer is dead, or as good as that. */
  readonly onLost: () => void;
}

/**
 * Whether the peer is still there. Once in an interval it looks whether anything has come since: if not, it pings, and if
 * nothing has come by the next look either, the peer is lost. So a dead one is found 2 to 3 intervals after its last sign
 * of life, and a busy one is never pinged.
 *
 * A sign of life is a byte, not only a whole frame: while a large message arrives over a slow line, no pong can.
 */
export class Heartbeat {
  readonly #parts: HeartbeatParts;
  #bytesRead: () => number;
  #frames = 0;
  #seen = -1;
  #pinged = false;
  #deadline: Deadline<Heartbeat> | undefined;

  constructor(parts: HeartbeatParts) {
    const { socket } = parts;
    this.#parts = parts;
    // For streams that do not count their bytes, as those of an agent may be.
    this.#bytesRead = () => this.#frames;
    const hear = (): void => void (this.#frames += 1);
    socket.on('message', hear).on('ping', hear).on('pong', hear);
    socket.once('upgrade', ({ socket: stream }) => {
      if (typeof stream.bytesRead === 'number') this.#bytesRead = () => stream.bytesRead;
    });
    socket.once('open', () => this.#wait());
  }

  look(): void {
    const { socket, onLost } = this.#parts;
    const bytes = this.#bytesRead();
    const isSilent = bytes === this.#seen;
    this.#seen = bytes;
    if (isSilent && this.#pinged) return onLost();
    this.#pinged = isSilent;
    // One that is closing has a deadline of its own.
    if (isSilent && socket.readyState === socket.OPEN) socket.ping();
    this.#wait();
  }

  stop(): void {
    if (this.#deadline !== undefined) this.#parts.timer.remove(this.#deadline);
  }

  #wait(): void {
    const { interval, clock, timer } = this.#parts;
    this.#deadline = timer.add(this, clock.now() + interval);
  }
}
