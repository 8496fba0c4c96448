import type { Socket } from 'node:net';
import type { ResolvedFaults } from './faults.ts';
import { Flow, type Cut } from './flow.ts';

/** One client's connection through the proxy: two sockets, and a flow in each direction. */
export class FaultyConnection {
  readonly #sockets: readonly [client: Socket, server: Socket];
  readonly #toServer: Flow;
  readonly #toClient: Flow;

  /** The sockets must allow half-open connections, for a close is passed on in its direction alone. */
  constructor(client: Socket, server: Socket, { faults, random, onClosed }: ConnectionParts) {
    this.#sockets = [client, server];
    const cut = (how: Cut): void => this.cut(how);
    this.#toServer = new Flow({ source: client, sink: server, cut, random }, faults.toServer);
    this.#toClient = new Flow({ source: server, sink: client, cut, random }, faults.toClient);
    let open = this.#sockets.length;
    for (const socket of this.#sockets) {
      // What is passed on at once must not wait for more.
      socket.setNoDelay(true);
      socket.once('close', () => {
        open -= 1;
        if (open === 0) onClosed();
      });
    }
  }

  change({ toServer, toClient }: ResolvedFaults): void {
    this.#toServer.change(toServer);
    this.#toClient.change(toClient);
  }

  /** Ends the connection at once, whatever the faults and without what is held: `end` closes both sides, `reset` resets them. */
  cut(how: Cut = 'reset'): void {
    this.#stop();
    for (const socket of this.#sockets) {
      if (how === 'end') socket.end();
      else if (canReset(socket)) socket.resetAndDestroy();
      else socket.destroy();
    }
  }

  /** Ends it as the end of a process does, which waits for nobody. */
  destroy(): void {
    this.#stop();
    for (const socket of this.#sockets) socket.destroy();
  }

  #stop(): void {
    this.#toServer.stop();
    this.#toClient.stop();
  }
}

/** Not one whose FIN waits for its last bytes to leave: Node cannot reset it, and it would never close. */
function canReset(socket: Socket): boolean {
  return !socket.destroyed && socket.writableEnded === socket.writableFinished;
}

interface ConnectionParts {
  readonly faults: ResolvedFaults;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Called when both sockets have closed. */
  readonly onClosed: () => void;
}
