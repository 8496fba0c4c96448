import { once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { beforeAll, describe, expect, it } from 'vitest';
import { HttpCacheProxy } from '../src/http-cache-proxy.ts';
import { HttpCacheSuite, type SuiteResults } from '../src/http-cache-suite.ts';

const INVALID_AGE =
  'RFC 9111 §5.1: a list counts by its first member, and an invalid Age is ignored; the release tests RFC 7234, the suite turned since';
const NO_PASS_AFTER_A_CLOSE =
  'the origin closes without an answer, and any answer that lacks its request count, so any 502, is taken for a cached one';
const SET_COOKIE = 'deliberate: a shared cache stores Set-Cookie only beside an explicit public';

/** Each test that is not passed, and why. */
const FAILURES: Readonly<Record<string, string>> = {
  'age-parse-nonnumeric': INVALID_AGE,
  'age-parse-negative': INVALID_AGE,
  'age-parse-float': INVALID_AGE,
  'age-parse-prefix-twoline': INVALID_AGE,
  'age-parse-dup-0': INVALID_AGE,
  'age-parse-dup-0-twoline': INVALID_AGE,
  'age-parse-dup-old': INVALID_AGE,
  'age-parse-parameter': INVALID_AGE,
  'age-parse-numeric-parameter': INVALID_AGE,
  'stale-close-must-revalidate': NO_PASS_AFTER_A_CLOSE,
  'stale-close-proxy-revalidate': NO_PASS_AFTER_A_CLOSE,
  'stale-close-no-cache': NO_PASS_AFTER_A_CLOSE,
  'stale-close-s-maxage=2': NO_PASS_AFTER_A_CLOSE,
  'headers-store-Set-Cookie': SET_COOKIE,
  '304-etag-update-response-Set-Cookie': SET_COOKIE,
  'other-set-cookie': SET_COOKIE,
  '304-etag-update-response-ETag':
    'RFC 9111 §4.3.4: a 304 with another strong validator must not update what is stored; it is fetched anew',
  'conditional-lm-fresh-no-lm':
    'RFC 9110 §13.1.3: without Last-Modified the Date is compared, which is later than what the client asks about',
  'vary-normalise-lang-select':
    'that the origin has no French cannot be known from the one German answer that is stored',
};

describe('HttpCache behind node:http', () => {
  let suite: HttpCacheSuite;
  let results: SuiteResults;

  beforeAll(async () => {
    suite = await HttpCacheSuite.load();
    results = await suite.run(async (origin) => {
      const proxy = new HttpCacheProxy(origin);
      return { url: await proxy.start(), stop: () => proxy.stop() };
    });
  });

  it('passes all required and optimal tests of http-cache-tests but those whose reason is given', () => {
    const graded = suite.tests.filter(({ kind }) => kind !== 'check');
    const passed = new Set([...suite.passed(results, 'required'), ...suite.passed(results, 'optimal')]);

    const failed = graded.filter(({ id }) => !passed.has(id)).map(({ id }) => id);

    expect(failed.sort()).toEqual(Object.keys(FAILURES).sort());
  });

  it('passes every test of partial content', () => {
    const partial = suite.tests.filter((test) => test.suite === 'partial' && test.kind !== 'check');
    const passed = new Set([...suite.passed(results, 'required'), ...suite.passed(results, 'optimal')]);

    expect(partial).toHaveLength(9);
    expect(partial.filter(({ id }) => !passed.has(id))).toEqual([]);
  });

  it.each(['required', 'optimal'] as const)(
    'passes more %s tests than each cache with published results',
    async (kind) => {
      const published = await suite.published();

      const best = Math.max(...[...published.values()].map((each) => suite.passed(each, kind).length));

      expect(published.size).toBeGreaterThan(5);
      expect(suite.passed(results, kind).length).toBeGreaterThan(best);
    },
  );
});

describe('HttpCacheProxy', () => {
  it('passes interim responses on, and stores the final one alone', async () => {
    const origin = createServer((_, response) => {
      response.writeProcessing();
      response.writeEarlyHints({ link: '</a.css>; rel=preload' });
      response.setHeader('Cache-Control', 'max-age=60').end('final');
    }).listen(0);
    await once(origin, 'listening');
    const proxy = new HttpCacheProxy(`http://localhost:${(origin.address() as AddressInfo).port}`);
    const url = await proxy.start();
    try {
      const interim: number[] = [];
      const ask = async (): Promise<string | undefined> => {
        const request = get(url, { agent: false }).on('information', ({ statusCode }) => interim.push(statusCode));
        const [response] = (await once(request, 'response')) as [IncomingMessage];
        await once(response.resume(), 'end');
        return response.headers['cache-status'] as string | undefined;
      };

      expect(await ask()).toBe('forge; fwd=uri-miss; stored');
      expect(interim).toEqual([102, 103]);
      expect(await ask()).toMatch(/^forge; hit/);
      expect(interim).toEqual([102, 103]);
    } finally {
      await proxy.stop();
      origin.close();
      origin.closeAllConnections();
    }
  });
});
