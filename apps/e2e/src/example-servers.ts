import { mariadbHint, mariadbIsMissing, MariadbProcess } from '@forge/config/mariadb';
import { postgresHint, postgresIsMissing, PostgresProcess } from '@forge/config/postgres';
import { redisHint, redisIsMissing, RedisProcess } from './redis-process.ts';

/** Servers that the examples of READMEs need, and what tells them where these are. */
export interface ExampleServers {
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

const HINTS: Readonly<Record<string, string>> = {
  '@forge/cache-redis': redisHint,
  '@forge/pool-mysql': mariadbHint,
  '@forge/pool-pg': postgresHint,
};

/** For the name of the test, where the package's example cannot run on this machine; else empty. */
export function whyNoExample(name: string): string {
  return HINTS[name] ?? '';
}

/** Starts those that are installed. */
export async function startExampleServers(): Promise<ExampleServers> {
  const [redis, mariadb, postgres] = await Promise.all([
    redisIsMissing ? undefined : RedisProcess.start(),
    mariadbIsMissing ? undefined : MariadbProcess.start(),
    postgresIsMissing ? undefined : PostgresProcess.start(),
  ]);
  const env: Record<string, string> = { ...postgres?.env };
  if (redis !== undefined) env['REDIS_URL'] = redis.url;
  if (mariadb !== undefined) env['MYSQL_URL'] = urlOf(mariadb);
  return {
    env,
    stop: async () => {
      await Promise.all([redis?.stop(), mariadb?.stop(), postgres?.stop()]);
    },
  };
}

function urlOf({ account: { host, port, user, password, database } }: MariadbProcess): string {
  return `mysql://${user}:${password}@${host}:${port}/${database}`;
}
