import type { CacheRules } from '@forge/mcp/caching';

/** What the gateway runs with: the file with every default filled in. Durations in ms. */
export interface GatewayConfig {
  readonly host: string;
  readonly port: number;
  /** Host names beside the loopback ones that a request may be addressed to. */
  readonly allowedHosts: readonly string[];
  /** Web origins beside the loopback ones that a browser may call from. */
  readonly allowedOrigins: readonly string[];
  readonly maxBodyBytes: number;
  readonly maxSessions: number;
  readonly cache: { readonly maxSize: number; readonly maxBytes: number };
  readonly maxQueueSize: number;
  readonly monitor: { readonly metricsInterval: number; readonly alertThresholds: AlertThresholds };
  readonly upstreams: readonly UpstreamConfig[];
}

export interface AlertThresholds {
  readonly latency?: number;
  readonly errorRate?: number;
  readonly throughput?: number;
  readonly memoryUsage?: number;
  readonly cpuUsage?: number;
}

export interface UpstreamConfig {
  /** Its name in tool names and URIs. */
  readonly id: string;
  readonly target: StdioTarget | HttpTarget;
  /** Bound on one call, waiting included. */
  readonly timeout: number;
  readonly pool: PoolSettings;
  /** Calls of this upstream that may be under way at once. */
  readonly maxConcurrency: number;
  readonly rules: CacheRules;
  /** Tools whose calls have a shorter bound. */
  readonly toolTimeouts: ReadonlyMap<string, number>;
}

export interface StdioTarget {
  readonly kind: 'stdio';
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string | undefined;
}

export interface HttpTarget {
  readonly kind: 'http';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface PoolSettings {
  readonly min: number;
  readonly max: number;
  /** Calls that one connection carries at once. */
  readonly concurrency: number;
  readonly idleTimeout: number;
  readonly createTimeout: number;
}
