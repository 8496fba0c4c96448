import { z } from 'zod';

/** The longest that a timer can be set to. */
const LONGEST = 2 ** 31 - 1;
const milliseconds = z.number().nonnegative().max(LONGEST);
const percent = z.number().nonnegative().max(100);
const count = z.number().int().positive();

export const stdioServer = z.object({
  type: z.literal('stdio').optional(),
  command: z.string().min(1),
  args: z.array(z.string()).optional(),
  env: z.record(z.string(), z.string()).optional(),
  cwd: z.string().optional(),
  disabled: z.boolean().optional(),
});

export const httpServer = z.object({
  // The names that clients use for it; HTTP+SSE of 2024-11-05 is another transport, which an upstream may not have left.
  type: z.enum(['http', 'streamable-http', 'streamableHttp']).optional(),
  url: z.url({ protocol: /^https?$/ }),
  headers: z.record(z.string(), z.string()).optional(),
  disabled: z.boolean().optional(),
});

const toolRule = z
  .strictObject({
    ttl: milliseconds.optional(),
    merge: z.boolean().optional(),
    timeout: milliseconds.positive().optional(),
  })
  .refine(({ ttl = 0, merge }) => ttl === 0 || merge !== false, {
    path: ['merge'],
    error: 'expected no false where ttl is set: a result that may be kept may be shared',
  });

/** What Forge does for one upstream. */
const serverPolicy = z.strictObject({
  timeout: milliseconds.positive().optional(),
  pool: z
    .strictObject({
      min: z.number().int().nonnegative().optional(),
      max: count.optional(),
      concurrency: count.optional(),
      idleTimeout: milliseconds.positive().optional(),
      createTimeout: milliseconds.positive().optional(),
    })
    .optional(),
  batch: z.strictObject({ maxConcurrency: count.optional() }).optional(),
  cache: z.strictObject({ lists: milliseconds.optional(), reads: milliseconds.optional() }).optional(),
  tools: z.record(z.string(), toolRule).optional(),
});

const forge = z.strictObject({
  host: z.string().min(1).optional(),
  port: z.number().int().min(0).max(65_535).optional(),
  allowedHosts: z.array(z.string().min(1)).optional(),
  allowedOrigins: z.array(z.string().min(1)).optional(),
  limits: z.strictObject({ maxBodyBytes: count.optional(), maxSessions: count.optional() }).optional(),
  cache: z.strictObject({ maxSize: count.optional(), maxBytes: count.optional() }).optional(),
  batch: z.strictObject({ maxQueueSize: count.optional() }).optional(),
  monitor: z
    .strictObject({
      metricsInterval: milliseconds.optional(),
      alertThresholds: z
        .strictObject({
          latency: z.number().nonnegative().optional(),
          errorRate: percent.optional(),
          throughput: z.number().nonnegative().optional(),
          memoryUsage: percent.optional(),
          cpuUsage: percent.optional(),
        })
        .optional(),
    })
    .optional(),
  servers: z.record(z.string(), serverPolicy).optional(),
});

/**
 * The file: `mcpServers` as Claude and Cursor write it, or `servers` as VS Code does, and an optional `forge` section.
 * Clients keep settings of their own beside these, so other members are let be, but not in `forge`.
 */
export const configFile = z.object({
  mcpServers: z.record(z.string(), z.unknown()).optional(),
  servers: z.record(z.string(), z.unknown()).optional(),
  forge: forge.optional(),
});

export type ServerPolicy = z.infer<typeof serverPolicy>;
export type ForgeSection = z.infer<typeof forge>;
