import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createRequire } from 'node:module';
import { spawn, type ChildProcess } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { environment, run } from './run.ts';

/** `required` and `optimal` can fail; a `check` asks how a cache behaves, and either answer will do. */
export type TestKind = 'required' | 'optimal' | 'check';

export interface SuiteTest {
  readonly id: string;
  readonly kind: TestKind;
  readonly suite: string;
}

/** By test id: true, or the name and message of the error. */
export type SuiteResults = Readonly<Record<string, true | readonly [string, string]>>;

interface RawTest {
  readonly id: string;
  readonly kind?: TestKind;
  readonly browser_only?: boolean;
}

type RawSuites = readonly { readonly id: string; readonly tests: readonly RawTest[] }[];
type Classify = (suites: RawSuites, id: string, results: SuiteResults) => readonly string[];

const require = createRequire(import.meta.url);
const folder = dirname(require.resolve('http-cache-tests/package.json'));
const PASSED = '✅';
const RUN_TIMEOUT = 180_000;

/** The public tests of HTTP caches (`http-cache-tests`), its origin server, its client and its own classifier. */
export class HttpCacheSuite {
  readonly tests: readonly SuiteTest[];
  readonly #suites: RawSuites;
  readonly #classify: Classify;

  private constructor(suites: RawSuites, classify: Classify) {
    this.#suites = suites;
    this.#classify = classify;
    this.tests = suites.flatMap(({ id: suite, tests }) =>
      tests.filter((test) => test.browser_only !== true).map(({ id, kind = 'required' }) => ({ id, kind, suite })),
    );
  }

  static async load(): Promise<HttpCacheSuite> {
    const load = (file: string): Promise<unknown> => import(pathToFileURL(join(folder, file)).href);
    const { default: suites } = (await load('tests/index.mjs')) as { default: RawSuites };
    const { determineTestResult } = (await load('lib/display.mjs')) as { determineTestResult: Classify };
    return new HttpCacheSuite(suites, determineTestResult);
  }

  /** The ids of the tests of this kind that these results pass, by the suite's own rules. */
  passed(results: SuiteResults, kind: TestKind): string[] {
    return this.tests.filter((test) => test.kind === kind && this.#passes(results, test.id)).map(({ id }) => id);
  }

  /** The results that the suite publishes, by the name of the cache. */
  async published(): Promise<Map<string, SuiteResults>> {
    const results = new Map<string, SuiteResults>();
    for (const file of await readdir(join(folder, 'results'))) {
      if (!file.endsWith('.json')) continue;
      results.set(
        file.slice(0, -'.json'.length),
        JSON.parse(await readFile(join(folder, 'results', file), 'utf8')) as SuiteResults,
      );
    }
    return results;
  }

  /** Runs all tests against the proxy that `start` gives for the URL of the suite's origin. */
  async run(
    start: (origin: string) => Promise<{ readonly url: string; stop(): Promise<void> }>,
  ): Promise<SuiteResults> {
    const place = await mkdtemp(join(tmpdir(), 'http-cache-tests-'));
    const { origin, url } = await startOrigin(place);
    try {
      const proxy = await start(url);
      try {
        const output = await run(process.execPath, ['--no-warnings', 'cli.mjs'], {
          cwd: folder,
          env: { npm_config_base: proxy.url, npm_config_id: '', npm_package_config_id: '' },
          timeout: RUN_TIMEOUT,
        });
        return JSON.parse(output) as SuiteResults;
      } finally {
        await proxy.stop();
      }
    } finally {
      const exit = origin.exitCode === null && once(origin, 'exit');
      origin.kill();
      await exit;
      await rm(place, { recursive: true, force: true });
    }
  }

  #passes(results: SuiteResults, id: string): boolean {
    return this.#classify(this.#suites, id, results)[2] === PASSED;
  }
}

async function startOrigin(place: string): Promise<{ readonly origin: ChildProcess; readonly url: string }> {
  const port = String(await freePort());
  const variables = { npm_config_protocol: 'http', npm_config_port: port, npm_config_pidfile: join(place, 'pid') };
  const origin = spawn(process.execPath, ['server/server.mjs'], {
    cwd: folder,
    env: environment(variables),
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  // It says one line when it listens; the warnings that follow are read so that it never waits for us.
  const started = once(origin.stdout, 'data');
  const ended = once(origin, 'exit').then(() =>
    Promise.reject(new Error('The origin of http-cache-tests did not start')),
  );
  await Promise.race([started, ended]);
  ended.catch(() => undefined);
  origin.stdout.resume();
  return { origin, url: `http://localhost:${port}` };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
