import { errorBody, ErrorCode } from '../protocol/errors.ts';
import { isObject } from '../protocol/message.ts';
import { readAnswer, type Answer } from '../protocol/answer.ts';
import type { Era } from '../protocol/versions.ts';
import { Child, type ChildOptions } from './child.ts';
import {
  writeParams,
  type Implementation,
  type NotificationListener,
  type UpstreamCall,
  type UpstreamConnection,
  type UpstreamInfo,
} from './connection.ts';
import { UpstreamError } from './errors.ts';
import { LineReader } from './line-reader.ts';
import { discoverParams, initializeParams, readDiscovery, readInitialization } from './negotiate.ts';

export interface StdioOptions extends ChildOptions {
  readonly self: Implementation;
  /** What an earlier connection found; a legacy upstream is then not asked again whether it is modern. */
  readonly knownEra?: Era | undefined;
  readonly onNotification?: NotificationListener | undefined;
  /** @default 16_777_216 */
  readonly maxMessageLength?: number | undefined;
}

/** A legacy server may ignore a question that comes before `initialize`; then silence is its answer. */
const PROBE_TIMEOUT = 3000;

const MAX_MESSAGE_LENGTH = 16 * 1024 * 1024;

/**
 * Starts a server and finds its era: `server/discover` first, `initialize` where that is no answer (2026-07-28, stdio).
 *
 * @throws UpstreamError MCP_SPAWN_FAILED, MCP_CONNECTION_CLOSED or MCP_CONNECT_FAILED; `signal.reason` on abort. In each
 * case nothing of the process is left.
 */
export async function connectStdio(options: StdioOptions, signal: AbortSignal): Promise<UpstreamConnection> {
  signal.throwIfAborted();
  const channel = new StdioChannel(options);
  try {
    const info = await negotiate(channel, options, signal);
    return new StdioConnection(channel, info, options.self);
  } catch (error) {
    await channel.close();
    throw error;
  }
}

async function negotiate(channel: StdioChannel, options: StdioOptions, signal: AbortSignal): Promise<UpstreamInfo> {
  const found = options.knownEra === 'legacy' ? undefined : await probe(channel, options.self, signal);
  if (found !== undefined) return found;
  const info = readInitialization(await channel.send('initialize', initializeParams(options.self), signal));
  channel.notify('notifications/initialized', '{}');
  return info;
}

async function probe(
  channel: StdioChannel,
  self: Implementation,
  signal: AbortSignal,
): Promise<UpstreamInfo | undefined> {
  const silence = new AbortController();
  const stop = (): void => {
    silence.abort(signal.reason);
  };
  const timer = setTimeout(stop, PROBE_TIMEOUT);
  signal.addEventListener('abort', stop, { once: true });
  try {
    return readDiscovery(readAnswer(await channel.send('server/discover', discoverParams(self), silence.signal)));
  } catch (error) {
    if (silence.signal.aborted && !signal.aborted) return undefined;
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}

class StdioConnection implements UpstreamConnection {
  readonly info: UpstreamInfo;
  readonly #channel: StdioChannel;
  readonly #self: Implementation;

  constructor(channel: StdioChannel, info: UpstreamInfo, self: Implementation) {
    this.#channel = channel;
    this.info = info;
    this.#self = self;
  }

  async request(call: UpstreamCall, signal: AbortSignal): Promise<Answer> {
    return readAnswer(
      await this.#channel.send(call.method, writeParams(call, this.info.era, this.#self), signal, 'tell'),
    );
  }

  onClosed(listener: (reason: Error | undefined) => void): void {
    this.#channel.onClosed(listener);
  }

  close(): Promise<void> {
    return this.#channel.close();
  }
}

interface Pending {
  readonly resolve: (json: string) => void;
  readonly reject: (reason: unknown) => void;
}

/** JSON-RPC over a child's pipes: requests by id, any number under way, an answer to whatever the server asks us. */
class StdioChannel {
  readonly #child: Child;
  readonly #pending = new Map<number, Pending>();
  readonly #onNotification: NotificationListener;
  readonly #closedListeners: ((reason: Error | undefined) => void)[] = [];
  #nextId = 1;
  #closing = false;
  #failure: UpstreamError | undefined;
  #gone = false;

  constructor(options: StdioOptions) {
    this.#child = new Child(options);
    this.#onNotification = options.onNotification ?? (() => {});
    const lines = new LineReader(options.maxMessageLength ?? MAX_MESSAGE_LENGTH);
    this.#child.output.on('data', (text: string) => {
      const complete = lines.push(text);
      if (complete === undefined)
        this.#fail(new UpstreamError('MCP_MESSAGE_TOO_LARGE', 'The upstream sent a message that is too long'));
      else for (const line of complete) this.#receive(line);
    });
    void this.#child.exited.then(() => {
      this.#fail(this.#failure ?? this.#child.failure('while it was in use'));
    });
  }

  onClosed(listener: (reason: Error | undefined) => void): void {
    if (this.#gone) listener(this.#failure);
    else this.#closedListeners.push(listener);
  }

  /** @param onAbort whether the server is told that nobody waits any more; before `initialize` it must not be */
  send(method: string, params: string, signal: AbortSignal, onAbort: 'tell' | 'leave' = 'leave'): Promise<string> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      if (this.#gone) {
        const message = `Cannot send ${method}: the upstream process is gone`;
        throw new UpstreamError('MCP_CONNECTION_CLOSED', message, { cause: this.#failure, notProcessed: true });
      }
      const id = this.#nextId++;
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
      this.#child.write(`{"jsonrpc":"2.0","id":${id},"method":${JSON.stringify(method)},"params":${params}}`);
    });
  }

  notify(method: string, params: string): void {
    if (!this.#gone) this.#child.write(`{"jsonrpc":"2.0","method":${JSON.stringify(method)},"params":${params}}`);
  }

  close(): Promise<void> {
    this.#closing = true;
    return this.#child.end();
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
    if (typeof method === 'string') {
      if (id === undefined) this.#onNotification(method, message['params']);
      else this.#child.write(replyTo(id, method));
    } else if (typeof id === 'number') {
      this.#pending.get(id)?.resolve(line);
    }
  }

  #fail(reason: UpstreamError): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#failure = this.#closing ? undefined : reason;
    for (const { reject } of this.#pending.values()) reject(reason);
    for (const listener of this.#closedListeners.splice(0)) listener(this.#failure);
    void this.#child.end();
  }
}

/** We offer the server nothing but to be pinged; whatever else it asks, it learns at once that it asks in vain. */
function replyTo(id: unknown, method: string): string {
  const rawId = JSON.stringify(id);
  if (method === 'ping') return `{"jsonrpc":"2.0","id":${rawId},"result":{}}`;
  return `{"jsonrpc":"2.0","id":${rawId},"error":${errorBody(ErrorCode.methodNotFound, `Method not found: ${method}`)}}`;
}
