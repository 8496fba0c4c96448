import fc from 'fast-check';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { fieldValue } from '../../src/http/http-message.ts';
import type { HttpRequest, HttpResponse } from '../../src/http/index.ts';
import { ManualBody, Origin, bytes, fields, settled } from './origin.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const PATHS = ['/a', '/b'] as const;

/** An origin with one version per path, whose answers show the version at the time of the request and come later. */
class Versions {
  readonly #now: Record<string, number> = { '/a': 0, '/b': 0 };
  readonly #landing: (() => void)[] = [];
  readonly origin: Origin;

  constructor(control: string) {
    this.origin = new Origin((request) => this.#answer(request, control));
  }

  of(path: string): number {
    return this.#now[path]!;
  }

  land(at: number): void {
    this.#landing.splice(at % Math.max(1, this.#landing.length), 1)[0]?.();
  }

  landAll(): void {
    while (this.#landing.length > 0) this.land(0);
  }

  #answer({ method, url, headers }: HttpRequest, control: string): Promise<HttpResponse> {
    const path = new URL(url).pathname;
    if (method === 'PUT') this.#now[path]! += 1;
    const tag = `"${this.#now[path]}"`;
    const body = new ManualBody();
    const response: HttpResponse =
      fieldValue(headers, 'if-none-match') === tag
        ? { status: 304, headers: fields({ ETag: tag, 'Cache-Control': control }) }
        : { status: 200, headers: fields({ ETag: tag, 'Cache-Control': control }), body };
    return new Promise((resolve) => {
      this.#landing.push(() => {
        resolve(response);
        // The head comes before the body, so that an invalidation may come between them.
        this.#landing.push(() => body.end());
        body.push(tag);
      });
    });
  }
}

it('HttpCache never answers with what was before an invalidation that was done when the request came', async () => {
  const path = fc.constantFrom(...PATHS);
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('get' as const), path }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('put' as const), path }) },
    { weight: 5, arbitrary: fc.record({ do: fc.constant('land' as const), at: fc.nat(7) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const) }) },
  );
  const control = fc.constantFrom('max-age=60', 'max-age=1', 'max-age=1, stale-if-error=60', 'no-store');
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), control, async (steps, cacheControl) => {
      const versions = new Versions(cacheControl);
      const done: Promise<void>[] = [];
      const invalidated: Record<string, number> = { '/a': 0, '/b': 0 };
      for (const each of steps) {
        if (each.do === 'land') versions.land(each.at);
        if (each.do === 'wait') vi.advanceTimersByTime(1500);
        if (each.do === 'put') {
          const put = versions.origin.send('PUT', each.path, {}, { body: bytes('x') });
          done.push(
            put.then(
              ({ body }) =>
                void (invalidated[each.path] = Math.max(invalidated[each.path]!, Number(body.slice(1, -1)))),
            ),
          );
        }
        if (each.do === 'get') {
          const atLeast = invalidated[each.path]!;
          const got = versions.origin.get(each.path);
          done.push(got.then(({ body }) => expect(Number(body.slice(1, -1))).toBeGreaterThanOrEqual(atLeast)));
        }
        await settled();
      }
      for (let round = 0; round < 6; round++) {
        versions.landAll();
        await settled();
      }
      await Promise.all(done);
    }),
    { numRuns: 300 },
  );
});
