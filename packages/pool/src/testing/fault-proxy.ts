import { once } from 'node:events';
import { createConnection, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { functionOption, numberOption, objectOption, randomRatios, stringOption } from '@forge/internal';
import { resolveFaults, type ProxyFaults, type ResolvedFaults } from './faults.ts';
import { FaultyConnection } from './faulty-connection.ts';
import type { Cut } from './flow.ts';

export interface FaultProxyOptions {
  /** Port of the server behind the proxy. */
  readonly to: number;
  /** Host of that server. @default '127.0.0.1' */
  readonly host?: string;
  /** Uniform in [0, 1); a seeded one repeats the jitter and the slices. @default another sequence each time */
  readonly random?: () => number;
}

/** A proxy on the loopback interface; made by {@link faultProxy}. */
export interface FaultProxy extends AsyncDisposable {
  /** Where clients connect, at 127.0.0.1; the same for the proxy's whole life. */
  readonly port: number;
  /** Those whose sockets have not both closed, oldest first. */
  readonly connections: readonly FaultyConnection[];
  /**
   * Replaces all faults, for connections that exist and those that come; `set({})` heals. Resolves when it holds: all but
   * `down` at once.
   *
   * @throws TypeError, RangeError for a field that is wrong or does not exist
   */
  set(faults: ProxyFaults): Promise<void>;
  /** Ends all connections at once: `end` closes both sides of each, `reset` resets them. @default 'reset' */
  cut(how?: Cut): void;
  /** Destroys all connections and resolves when they and the proxy have closed. */
  close(): Promise<void>;
}

/**
 * Starts a TCP proxy in this process, without faults. It knows no protocol: bytes pass as they are, in order, and each
 * side waits when the other does not read.
 *
 * @example
 * await using proxy = await faultProxy({ to: server.port });
 * await proxy.set({ latency: 50, toClient: { limit: 1000 } });
 * const socket = connect(proxy.port);
 */
export async function faultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const subject = 'start a fault proxy';
  objectOption(subject, 'the options', options);
  const { to, host = '127.0.0.1', random = randomRatios() } = options;
  const port = numberOption(subject, 'to', to, NaN, { min: 1, max: 65_535, integer: true });
  if (Number.isNaN(port)) throw new TypeError(`Cannot ${subject}: to must be the port of a server, got undefined`);
  stringOption(subject, 'host', host);
  functionOption(subject, 'random', random);
  const proxy = new LoopbackProxy({ to: port, host, random });
  await proxy.set({});
  return proxy;
}

class LoopbackProxy implements FaultProxy {
  readonly #options: Required<FaultProxyOptions>;
  readonly #connections = new Set<FaultyConnection>();
  #faults: ResolvedFaults = resolveFaults({});
  #server: Server | undefined;
  #port = 0;
  #closed: Promise<void> | undefined;
  #aligned: Promise<void> = Promise.resolve();
  #onLastClosed: () => void = () => {};

  constructor(options: Required<FaultProxyOptions>) {
    this.#options = options;
  }

  get port(): number {
    return this.#port;
  }

  get connections(): readonly FaultyConnection[] {
    return [...this.#connections];
  }

  set(faults: ProxyFaults): Promise<void> {
    const resolved = resolveFaults(faults);
    if (this.#closed !== undefined) throw new Error('Cannot set the faults of a proxy: it is closed');
    this.#faults = resolved;
    for (const connection of this.#connections) {
      if (this.#faults.down) connection.destroy();
      else connection.change(this.#faults);
    }
    return this.#align();
  }

  cut(how: Cut = 'reset'): void {
    for (const connection of this.#connections) connection.cut(how);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const lastClosed = new Promise<void>((resolve) => (this.#onLastClosed = resolve));
    for (const connection of this.#connections) connection.destroy();
    this.#faults = resolveFaults({ down: true });
    await this.#align();
    if (this.#connections.size > 0) await lastClosed;
  }

  /** One after another, for a server cannot close before it listens; each goes by the faults of its time. */
  #align(): Promise<void> {
    const align = (): Promise<void> => (this.#faults.down ? this.#refuse() : this.#listen());
    this.#aligned = this.#aligned.then(align, align);
    return this.#aligned;
  }

  async #listen(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    // Such as too many open files: the client is not accepted, and the others have no part in it.
    server.on('error', (error) => process.emitWarning(error));
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Nobody is accepted from now on; the server's own close waits for its connections, which have an end of their own. */
  async #refuse(): Promise<void> {
    this.#server?.close();
    this.#server = undefined;
  }

  #accept(client: Socket): void {
    if (this.#faults.down) return void client.destroy();
    const { to: port, host, random } = this.#options;
    const server = createConnection({ port, host, allowHalfOpen: true });
    const connection = new FaultyConnection(client, server, {
      faults: this.#faults,
      random,
      onClosed: () => {
        this.#connections.delete(connection);
        if (this.#connections.size === 0) this.#onLastClosed();
      },
    });
    this.#connections.add(connection);
  }
}
