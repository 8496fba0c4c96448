import { isObject } from '../protocol/message.ts';
import { Child, type ChildOptions } from './child.ts';
import type { NotificationListener } from './connection.ts';
import { Ending } from './ending.ts';
import { tooLarge, UpstreamError } from './errors.ts';
import { LineReader } from './line-reader.ts';
import { replyTo } from './server-requests.ts';

export interface ChannelOptions extends ChildOptions {
  readonly onNotification?: NotificationListener | undefined;
  /** Bytes. @default 16_777_216 */
  readonly maxMessageLength?: number | undefined;
}

const MAX_MESSAGE_LENGTH = 16 * 1024 * 1024;

interface Pending {
  readonly resolve: (json: string) => void;
  readonly reject: (reason: unknown) => void;
}

/** JSON-RPC over a child's pipes: requests by id, any number under way, an answer to whatever the server asks us. */
export class StdioChannel {
  readonly #child: Child;
  readonly #pending = new Map<number, Pending>();
  readonly #onNotification: NotificationListener;
  /** From then on nothing is sent; what is under way may still be answered out of what the child left in its pipe. */
  readonly #ending = new Ending();
  #nextId = 1;

  constructor(options: ChannelOptions) {
    this.#child = new Child(options);
    this.#onNotification = options.onNotification ?? (() => {});
    const lines = new LineReader(options.maxMessageLength ?? MAX_MESSAGE_LENGTH);
    const read = (chunk: Buffer): void => {
      const complete = lines.push(chunk);
      if (complete === undefined) {
        this.#child.output.off('data', read);
        this.#child.kill();
        this.#fail(tooLarge());
      } else {
        for (const line of complete) this.#receive(line);
      }
    };
    this.#child.output.on('data', read);
    void this.#watch();
  }

  onClosed(listener: (reason: Error | undefined) => void): void {
    this.#ending.on(listener);
  }

  /**
   * @param onAbort whether the server is told that nobody waits any more; before `initialize` it must not be
   * @throws UpstreamError MCP_CONNECTION_CLOSED, MCP_BACKPRESSURE, MCP_MESSAGE_TOO_LARGE; `signal.reason` on abort
   */
  send(method: string, params: string, signal: AbortSignal, onAbort: 'tell' | 'leave' = 'leave'): Promise<string> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      if (this.#ending.happened) throw this.#gone(method);
      const id = this.#nextId++;
      const line = `{"jsonrpc":"2.0","id":${id},"method":${JSON.stringify(method)},"params":${params}}`;
      if (!this.#child.write(line)) throw unread(method);
      const cancel = (): void => {
        this.#pending.delete(id);
        if (onAbort === 'tell') this.notify('notifications/cancelled', JSON.stringify({ requestId: id }));
        reject(signal.reason as Error);
      };
      const settle = (): void => {
        this.#pending.delete(id);
        signal.removeEventListener('abort', cancel);
      };
      this.#pending.set(id, {
        resolve: (json) => {
          settle();
          resolve(json);
        },
        reject: (reason) => {
          settle();
          reject(reason);
        },
      });
      signal.addEventListener('abort', cancel, { once: true });
    });
  }

  notify(method: string, params: string): void {
    if (this.#ending.happened) return;
    this.#child.write(`{"jsonrpc":"2.0","method":${JSON.stringify(method)},"params":${params}}`);
  }

  /** Ends the channel for a reason that its user has found. */
  fail(reason: UpstreamError): void {
    this.#ending.happen(reason);
    void this.#child.end();
  }

  /** What is under way is rejected when the process is gone. */
  close(): Promise<void> {
    this.#ending.happen(undefined);
    return this.#child.end();
  }

  async #watch(): Promise<void> {
    await this.#child.exited;
    this.#ending.happen(this.#child.failure(DOING));
    await this.#child.drained;
    this.#fail(this.#child.failure(DOING));
  }

  #fail(reason: UpstreamError): void {
    this.#ending.happen(reason);
    for (const { reject } of this.#pending.values()) reject(reason);
    void this.#child.end();
  }

  #receive(line: string): void {
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch {
      // Some servers print to their standard output by mistake; what is no message is nobody's.
      return;
    }
    if (!isObject(message)) return;
    const { id, method } = message;
    if (typeof method !== 'string') this.#pendingOf(message)?.resolve(line);
    else if (id === undefined) this.#onNotification(method, message['params']);
    else this.#child.write(replyTo(id, method));
  }

  /** Whom a response is for: some servers echo the id as a string, or answer what they could not read without it. */
  #pendingOf(response: Record<string, unknown>): Pending | undefined {
    const { id } = response;
    if (typeof id === 'number') return this.#pending.get(id);
    if (typeof id === 'string' && String(Number(id)) === id) return this.#pending.get(Number(id));
    const isForAny = id === null && 'error' in response && this.#pending.size === 1;
    return isForAny ? this.#pending.values().next().value : undefined;
  }

  #gone(method: string): UpstreamError {
    const message = `Cannot send ${method}: the upstream process is gone`;
    return new UpstreamError('MCP_CONNECTION_CLOSED', message, { cause: this.#ending.reason, notProcessed: true });
  }
}

const DOING = 'while it was in use';

function unread(method: string): UpstreamError {
  const message = `Cannot send ${method}: the upstream process does not read what it is sent`;
  return new UpstreamError('MCP_BACKPRESSURE', message, { notProcessed: true });
}
