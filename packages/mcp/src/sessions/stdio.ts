import { readAnswer, type Answer } from '../protocol/answer.ts';
import type { Era } from '../protocol/versions.ts';
import type { ChildOptions } from './child.ts';
import {
  ping,
  writeParams,
  type Implementation,
  type NotificationListener,
  type UpstreamCall,
  type UpstreamConnection,
  type UpstreamInfo,
} from './connection.ts';
import { eraChanged, tellsEraChange } from './era-change.ts';
import { isUpstreamError } from './errors.ts';
import {
  discoverParams,
  initializeParams,
  negotiate,
  PROBE_TIMEOUT,
  readDiscovery,
  readInitialization,
} from './negotiate.ts';
import { StdioChannel } from './stdio-channel.ts';

export interface StdioOptions extends ChildOptions {
  readonly self: Implementation;
  /** What an earlier connection found; a legacy upstream is then asked first whether it still is one. */
  readonly knownEra?: Era | undefined;
  readonly onNotification?: NotificationListener | undefined;
  /** Bytes. @default 16_777_216 */
  readonly maxMessageLength?: number | undefined;
}

/**
 * Starts a server and finds its era (2026-07-28, stdio). A legacy server that takes the modern question for a reason to
 * exit is started once more and asked in the legacy way first.
 *
 * @throws UpstreamError MCP_SPAWN_FAILED, MCP_CONNECTION_CLOSED or MCP_CONNECT_FAILED; `signal.reason` on abort. In each
 * case nothing of the process is left.
 */
export async function connectStdio(options: StdioOptions, signal: AbortSignal): Promise<UpstreamConnection> {
  try {
    return await open(options, options.knownEra, signal);
  } catch (error) {
    const mayBeLegacy = isUpstreamError(error) && error.code === 'MCP_CONNECTION_CLOSED' && !signal.aborted;
    if (!mayBeLegacy || options.knownEra === 'legacy') throw error;
    return open(options, 'legacy', signal);
  }
}

async function open(
  options: StdioOptions,
  knownEra: Era | undefined,
  signal: AbortSignal,
): Promise<UpstreamConnection> {
  signal.throwIfAborted();
  const { self } = options;
  const channel = new StdioChannel(options);
  const handshake = {
    discover: async (limit: AbortSignal) =>
      readDiscovery(await channel.send('server/discover', discoverParams(self), limit)),
    initialize: async (limit: AbortSignal) => {
      const info = readInitialization(await channel.send('initialize', initializeParams(self), limit));
      channel.notify('notifications/initialized', '{}');
      return info;
    },
    patience: PROBE_TIMEOUT,
  };
  try {
    return new StdioConnection(channel, await negotiate(handshake, knownEra, signal), self);
  } catch (error) {
    await channel.close();
    throw error;
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
    const { method } = call;
    const { era, protocolVersion } = this.info;
    const answer = readAnswer(await this.#channel.send(method, writeParams(call, era, this.#self), signal, 'tell'));
    if (!tellsEraChange(answer, era, { method, status: 200 })) return answer;
    const changed = eraChanged(protocolVersion, answer.kind === 'error' ? answer.body : '');
    this.#channel.fail(changed);
    throw changed;
  }

  ping(signal: AbortSignal): Promise<void> {
    return ping(this, signal);
  }

  onClosed(listener: (reason: Error | undefined) => void): void {
    this.#channel.onClosed(listener);
  }

  close(): Promise<void> {
    return this.#channel.close();
  }
}
