import {
  connectHttp,
  connectStdio,
  type NotificationListener,
  type UpstreamConnection,
  type UpstreamInfo,
} from '@forge/mcp/sessions';
import type { HttpTarget, StdioTarget } from '../config/gateway-config.ts';
import { self } from '../self.ts';
import { httpChannel } from './http-exchange.ts';

/** Opens one connection; `known` is what an earlier one found, so that the era is asked for once. */
export function connect(
  target: StdioTarget | HttpTarget,
  known: UpstreamInfo | undefined,
  onNotification: NotificationListener,
  signal: AbortSignal,
): Promise<UpstreamConnection> {
  if (target.kind === 'stdio') return connectStdio({ ...target, self, knownEra: known?.era, onNotification }, signal);
  return connectOverHttp(target, known, onNotification, signal);
}

async function connectOverHttp(
  target: HttpTarget,
  known: UpstreamInfo | undefined,
  onNotification: NotificationListener,
  signal: AbortSignal,
): Promise<UpstreamConnection> {
  const channel = httpChannel(target);
  try {
    const connection = await connectHttp({ exchange: channel.exchange, self, known, onNotification }, signal);
    return {
      info: connection.info,
      request: (call, callSignal) => connection.request(call, callSignal),
      ping: (pingSignal) => connection.ping(pingSignal),
      onClosed: (listener) => {
        connection.onClosed(listener);
      },
      close: async () => {
        await connection.close();
        await channel.close();
      },
    };
  } catch (error) {
    await channel.close();
    throw error;
  }
}
