import type { PerformanceMonitor } from '@forge/monitor';
import type { ResponseCache } from '@forge/cache';
import type { GatewayConfig } from '../config/gateway-config.ts';
import type { Routed, Router } from '../routing/router.ts';
import type { Kept } from '../upstreams/upstream.ts';
import type { LegacySessions } from './legacy-sessions.ts';

/** What the routes of the front share. */
export interface FrontContext {
  readonly config: GatewayConfig;
  readonly router: Router;
  readonly sessions: LegacySessions;
  readonly cache: ResponseCache<Kept>;
  readonly monitor: PerformanceMonitor;
  /** Tells the monitor of one request that a client was answered. */
  readonly observeRequest: (method: string, routed: Routed, milliseconds: number) => void;
}
