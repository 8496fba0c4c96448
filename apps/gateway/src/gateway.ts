import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ResponseCache } from '@forge/cache';
import { PerformanceMonitor } from '@forge/monitor';
import type { GatewayConfig } from './config/gateway-config.ts';
import type { FrontContext } from './front/context.ts';
import { frontServer } from './front/http-server.ts';
import { LegacySessions } from './front/legacy-sessions.ts';
import { Router } from './routing/router.ts';
import { Upstream, type CallObserver, type Kept } from './upstreams/upstream.ts';

/** A running gateway. */
export interface Gateway {
  /** Where it listens, such as `http://127.0.0.1:4620`. */
  readonly url: string;
  /** Stops listening, gives calls under way a moment, ends every upstream; idempotent. */
  close(): Promise<void>;
}

export interface GatewayHooks {
  /** One line for the operator. */
  readonly log?: (line: string) => void;
}

/** Calls under way when the gateway closes have this long to end, in ms. */
const CLOSE_DEADLINE = 500;

/** Replies that are due when the upstreams have ended have this long to leave, in ms. */
const LAST_REPLIES = 250;

/**
 * Starts a gateway.
 *
 * @throws Error with code EADDRINUSE when the port is taken
 */
export async function startGateway(config: GatewayConfig, { log = () => {} }: GatewayHooks = {}): Promise<Gateway> {
  const monitor = new PerformanceMonitor(config.monitor);
  const cache = new ResponseCache<Kept>({
    ...config.cache,
    sizeOf: ({ answer }) => Buffer.byteLength(answer.body) + ENTRY_OVERHEAD,
  });
  const context = { cache, maxQueueSize: config.maxQueueSize, observe: upstreamObserver(monitor), log };
  const upstreams = config.upstreams.map((upstream) => new Upstream(upstream, context));
  const front: FrontContext = {
    config,
    router: new Router(upstreams),
    sessions: new LegacySessions(config.maxSessions),
    cache,
    monitor,
    observeRequest: requestObserver(monitor),
  };
  monitor.observe('cache', cache);
  for (const { id, sources } of upstreams) {
    monitor.observe('pool', sources.pool, { upstream: id });
    monitor.observe('batcher', sources.batcher, { upstream: id });
  }
  monitor.on('alert', ({ message }) => {
    log(`alert: ${message}`);
  });
  monitor.on('alertResolved', ({ message }) => {
    log(`alert resolved: ${message}`);
  });
  const server = frontServer(front, (error) => {
    log(`internal error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  });
  let closing: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    const closed = server.listening ? once(server, 'close') : undefined;
    server.close();
    await Promise.all(upstreams.map((upstream) => upstream.close(CLOSE_DEADLINE)));
    await endConnections(server, closed);
    await cache.close();
    await monitor.close();
  };
  const close = (): Promise<void> => (closing ??= stop());
  try {
    server.listen(config.port, config.host);
    await once(server, 'listening');
  } catch (error) {
    await close();
    throw error;
  }
  // Upstreams are started at once, so that the first client finds them ready; one that fails tells of it by itself.
  for (const upstream of upstreams) {
    void upstream.info().then(
      ({ serverInfo, era }) => {
        log(`upstream ${upstream.id}: ${serverInfo.name} ${serverInfo.version} (${era})`);
      },
      () => {},
    );
  }
  const { port } = server.address() as AddressInfo;
  const host = config.host.includes(':') ? `[${config.host}]` : config.host;
  return { url: `http://${host}:${port}`, close };
}

/** Gives the last replies a moment to leave, then closes what is still open. */
async function endConnections(server: Server, closed: Promise<unknown> | undefined): Promise<void> {
  const sweep = setInterval(() => {
    server.closeIdleConnections();
  }, 10);
  const force = setTimeout(() => {
    server.closeAllConnections();
  }, LAST_REPLIES);
  await closed;
  clearInterval(sweep);
  clearTimeout(force);
}

/** What an entry weighs beside its body. */
const ENTRY_OVERHEAD = 300;

/** Latencies of the leg to the upstreams, under the names of OpenTelemetry's MCP conventions. */
function upstreamObserver(monitor: PerformanceMonitor): CallObserver {
  const durations = monitor.histogram('mcp.client.operation.duration', {
    help: 'Calls that reached an upstream',
    labels: ['upstream', 'mcp_method_name', 'outcome'],
  });
  return (upstream, method, outcome, milliseconds) => {
    durations.record(milliseconds, upstream, method, outcome);
  };
}

function requestObserver(monitor: PerformanceMonitor): FrontContext['observeRequest'] {
  const durations = monitor.histogram('mcp.server.operation.duration', {
    help: 'Requests of clients, from the parsed message to the answer',
    labels: ['mcp_method_name', 'outcome', 'source'],
  });
  return (method, { outcome, source }, milliseconds) => {
    monitor.recordRequest(milliseconds, outcome !== 'ok');
    durations.record(milliseconds, method, outcome, source ?? 'gateway');
  };
}
