import { readFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { isObject } from '@forge/mcp/protocol';
import JSON5 from 'json5';
import type { z } from 'zod';
import { ConfigError } from './config-error.ts';
import type { GatewayConfig, HttpTarget, PoolSettings, StdioTarget, UpstreamConfig } from './gateway-config.ts';
import { configFile, httpServer, stdioServer, type ForgeSection, type ServerPolicy } from './schema.ts';

/** @throws ConfigError when the file cannot be read or is not a valid configuration */
export async function loadConfig(file: string, environment: NodeJS.ProcessEnv = process.env): Promise<GatewayConfig> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new ConfigError(`Cannot read the configuration: ${(error as Error).message}`, { cause: error });
  }
  return parseConfig(text, { name: basename(file), folder: dirname(resolve(file)), environment });
}

export interface ConfigSource {
  /** What errors call the file. */
  readonly name: string;
  /** Where a server's relative `cwd` starts. */
  readonly folder: string;
  readonly environment: NodeJS.ProcessEnv;
}

/** @throws ConfigError */
export function parseConfig(text: string, source: ConfigSource): GatewayConfig {
  let value: unknown;
  try {
    value = JSON5.parse(text);
  } catch (error) {
    throw new ConfigError(`${source.name}: ${(error as Error).message.replace('JSON5: ', 'not valid JSON5: ')}`, {
      cause: error,
    });
  }
  const file = check(configFile, value, [], source);
  const forge = file.forge ?? {};
  const listed = file.mcpServers === undefined ? 'servers' : 'mcpServers';
  const servers = Object.entries(file[listed] ?? {});
  const upstreams = servers.flatMap(([name, entry]) =>
    upstream(name, entry, [listed, name], forge.servers?.[name] ?? {}, source),
  );
  if (upstreams.length === 0) {
    throw new ConfigError(`${source.name}: mcpServers: expected at least one server that is not disabled, got none`);
  }
  rejectStrangers(forge, servers, source);
  rejectTwins(upstreams, source);
  return resolveConfig(forge, upstreams);
}

function resolveConfig(forge: ForgeSection, upstreams: readonly UpstreamConfig[]): GatewayConfig {
  return {
    host: forge.host ?? '127.0.0.1',
    port: forge.port ?? 4620,
    allowedHosts: forge.allowedHosts ?? [],
    allowedOrigins: forge.allowedOrigins ?? [],
    maxBodyBytes: forge.limits?.maxBodyBytes ?? 4 * 1024 * 1024,
    maxSessions: forge.limits?.maxSessions ?? 10_000,
    cache: { maxSize: forge.cache?.maxSize ?? 10_000, maxBytes: forge.cache?.maxBytes ?? 64 * 1024 * 1024 },
    maxQueueSize: forge.batch?.maxQueueSize ?? 1000,
    monitor: {
      metricsInterval: forge.monitor?.metricsInterval ?? 5000,
      alertThresholds: defined(forge.monitor?.alertThresholds ?? {}),
    },
    upstreams,
  };
}

function upstream(
  name: string,
  entry: unknown,
  path: readonly string[],
  policy: ServerPolicy,
  source: ConfigSource,
): UpstreamConfig[] {
  const { target, disabled } = readTarget(entry, path, source);
  if (disabled) return [];
  const pool = { ...POOL_DEFAULTS, ...defined(policy.pool ?? {}) };
  return [
    {
      id: upstreamId(name),
      target,
      timeout: policy.timeout ?? 60_000,
      pool: { ...pool, min: Math.min(pool.min, pool.max) },
      maxConcurrency: policy.batch?.maxConcurrency ?? pool.max * pool.concurrency,
      rules: { ...policy.cache, tools: policy.tools },
      toolTimeouts: new Map(
        Object.entries(policy.tools ?? {}).flatMap(([tool, rule]) =>
          rule.timeout === undefined ? [] : [[tool, rule.timeout]],
        ),
      ),
    },
  ];
}

/**
 * A server's own state lives in its process or session, so one of it is the default, for many calls at once, and it is
 * never ended for being idle.
 */
const POOL_DEFAULTS: PoolSettings = { min: 0, max: 1, concurrency: 64, idleTimeout: Infinity, createTimeout: 30_000 };

function readTarget(
  entry: unknown,
  path: readonly string[],
  source: ConfigSource,
): { readonly target: StdioTarget | HttpTarget; readonly disabled: boolean } {
  const expanded = expandEnvironment(entry, path, source);
  if (isObject(expanded) && 'command' in expanded) {
    const { command, args = [], env = {}, cwd, disabled = false } = check(stdioServer, expanded, path, source);
    const folder = cwd === undefined ? undefined : resolve(source.folder, cwd);
    return { target: { kind: 'stdio', command, args, env, cwd: folder }, disabled };
  }
  if (isObject(expanded) && 'url' in expanded) {
    const { url, headers = {}, disabled = false } = check(httpServer, expanded, path, source);
    return { target: { kind: 'http', url, headers }, disabled };
  }
  throw new ConfigError(
    `${source.name}: ${path.join('.')}: expected an object with "command" or "url", got ${show(entry, path)}`,
  );
}

/** Replaces VS Code's `${env:NAME}` in every string; its `${input:…}` asks a person, whom a server does not have. */
function expandEnvironment(value: unknown, path: readonly string[], source: ConfigSource): unknown {
  if (typeof value === 'string') return expandText(value, path, source);
  if (Array.isArray(value))
    return value.map((item, index) => expandEnvironment(item, [...path, String(index)], source));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, expandEnvironment(member, [...path, key], source)]),
  );
}

function expandText(text: string, path: readonly string[], source: ConfigSource): string {
  return text.replace(/\$\{(env|input|cmd|command):([^}]*)\}/g, (found, kind: string, name: string) => {
    const value = kind === 'env' ? source.environment[name] : undefined;
    if (value !== undefined) return value;
    const expected = kind === 'env' ? `the environment variable ${name} to be set` : 'a value or ${env:NAME}';
    throw new ConfigError(
      `${source.name}: ${path.join('.')}: expected ${expected}, got ${kind === 'env' ? 'none' : found}`,
    );
  });
}

/** A server's name as it stands in tool names and URIs: what neither allows becomes a dash, and `__` stays ours. */
function upstreamId(name: string): string {
  return (
    name
      .replace(/[^A-Za-z0-9._-]+/g, '-')
      .replace(/_{2,}/g, '_')
      .replace(/^[_.-]+|[_-]+$/g, '')
      .slice(0, 64) || 'server'
  );
}

function rejectTwins(upstreams: readonly UpstreamConfig[], source: ConfigSource): void {
  const ids = upstreams.map(({ id }) => id);
  const twin = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twin === undefined) return;
  throw new ConfigError(
    `${source.name}: mcpServers: expected names that differ in letters and digits, got two that become "${twin}"`,
  );
}

function rejectStrangers(forge: ForgeSection, servers: readonly [string, unknown][], source: ConfigSource): void {
  const names = servers.map(([name]) => name);
  const stranger = Object.keys(forge.servers ?? {}).find((name) => !names.includes(name));
  if (stranger === undefined) return;
  throw new ConfigError(
    `${source.name}: forge.servers.${stranger}: expected one of the servers above (${names.join(', ')}), got "${stranger}"`,
  );
}

function check<T>(schema: z.ZodType<T>, value: unknown, path: readonly string[], source: ConfigSource): T {
  const checked = schema.safeParse(value);
  if (checked.success) return checked.data;
  const issue = checked.error.issues[0];
  const inner = (issue?.path ?? []).map(String);
  const at = [...path, ...inner];
  const place = at.length === 0 ? '' : ` ${at.join('.')}:`;
  const said = issue?.message ?? 'not valid';
  const expected = /expected (.*?)(?:, received .*)?$/.exec(said)?.[1];
  const found = inner.reduce<unknown>((held, key) => (held as Record<string, unknown> | undefined)?.[key], value);
  const wanted = expected === undefined ? said : `expected ${expected}`;
  const came = issue?.code === 'unrecognized_keys' ? '' : `, got ${show(found, at)}`;
  throw new ConfigError(`${source.name}:${place} ${wanted}${came}`);
}

/** The offending value; what stands under `env` and `headers` may be a secret and is named by its type alone. */
function show(value: unknown, path: readonly string[]): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return path.includes('env') || path.includes('headers') || text.length > 60
    ? Array.isArray(value)
      ? 'an array'
      : `a value of type ${typeof value}`
    : text;
}

/** Without the members that are undefined, which would hide a default. */
function defined<T extends object>(members: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as never;
}
