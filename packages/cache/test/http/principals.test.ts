import fc from 'fast-check';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { fieldValue } from '../../src/http/http-message.ts';
import type { HttpRequest, HttpResponse } from '../../src/http/index.ts';
import { Origin, bytes, fields, read, type Fields } from './origin.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Each says in its way that an answer to who has credentials is for nobody else. */
const MARKS: readonly Fields[] = [
  { 'Cache-Control': 'private, max-age=60' },
  { 'Cache-Control': 'max-age=60' },
  { 'Cache-Control': 'max-age=60, stale-while-revalidate=60, stale-if-error=60' },
  { 'Cache-Control': 'public, max-age=60, no-store' },
  { 'Cache-Control': 'public, max-age=1, private' },
  { 'Cache-Control': 'public, max-age=60, private="' },
  { 'Cache-Control': 'public, max-age=60', Vary: 'Authorization' },
  { 'Cache-Control': 's-maxage=1, stale-if-error=60', Vary: ['Accept', 'authorization'] },
  { 'Cache-Control': 'public, max-age=60', Vary: 'Authorization', Connection: 'Vary' },
  { 'Cache-Control': 'public, max-age=60', Vary: 'Accept, *' },
  { 'Cache-Control': 'public, max-age=60', 'CDN-Cache-Control': 'max-age=60' },
  { 'Cache-Control': 'public, max-age=60', 'CDN-Cache-Control': 'private, max-age=60' },
  { 'Cache-Control': 'max-age=60', Expires: 'Fri, 01 Jan 2100 00:00:00 GMT' },
  { 'Last-Modified': 'Wed, 01 Jan 2020 00:00:00 GMT' },
];
const USERS = ['ann', 'bob', undefined] as const;
type User = (typeof USERS)[number];

interface Asked {
  readonly user: User;
  readonly method: string;
  readonly headers: Fields;
  /** What the origin does: how it marks the answer, and whether it fails. */
  readonly mark: Fields;
  readonly status: number;
  readonly tagged: boolean;
  /** Time that passes before, ms. */
  readonly after: number;
  /** Asked together with the next one. */
  readonly atOnce: boolean;
}

const ASKED: fc.Arbitrary<Asked> = fc.record({
  user: fc.constantFrom(...USERS),
  method: fc.constantFrom('GET', 'GET', 'GET', 'HEAD', 'POST'),
  headers: fc.constantFrom<Fields>(
    {},
    {},
    { Range: 'bytes=0-3' },
    { Range: 'bytes=2-' },
    { 'If-None-Match': '"ann", "public"' },
    { 'If-None-Match': '*' },
    { 'Cache-Control': 'max-stale' },
    { 'Cache-Control': 'no-cache' },
    { 'Cache-Control': 'only-if-cached' },
  ),
  mark: fc.constantFrom(...MARKS),
  status: fc.constantFrom(200, 200, 200, 404, 503),
  tagged: fc.boolean(),
  after: fc.constantFrom(0, 0, 1500, 70_000),
  atOnce: fc.boolean(),
});

/** Answers to each user what is that user's, as the mark says, and to who has no credentials what is everybody's. */
async function answer({ method, headers }: HttpRequest, { mark, status, tagged }: Asked): Promise<HttpResponse> {
  await Promise.resolve();
  const user = fieldValue(headers, 'authorization');
  const owner = user ?? 'public';
  const whole = bytes(`${owner} ${owner} ${owner}`);
  const about = fields({
    ...(user === undefined ? { 'Cache-Control': 'public, max-age=1, stale-while-revalidate=9' } : mark),
    ...(tagged && { ETag: `"${owner}"` }),
    'X-Owner': owner,
  });
  if (status !== 200) return { status, headers: about, body: bytes(owner) };
  if (tagged && fieldValue(headers, 'if-none-match')?.includes(`"${owner}"`) === true) {
    return { status: 304, headers: about };
  }
  const range = /^bytes=(\d+)-(\d*)$/.exec(fieldValue(headers, 'range') ?? '');
  if (range === null || method !== 'GET') return { status: 200, headers: about, body: whole };
  const first = Number(range[1]);
  const last = range[2] === '' ? whole.length - 1 : Number(range[2]);
  const place = `bytes ${first}-${last}/${whole.length}`;
  return { status: 206, headers: [...about, ['Content-Range', place]], body: whole.subarray(first, last + 1) };
}

it('HttpCache shows nobody what is for another principal, however it is asked for and marked', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(ASKED, { minLength: 2, maxLength: 12, size: 'max' }), async (steps) => {
      const origin = new Origin({});
      const running: Promise<void>[] = [];
      for (const step of steps) {
        vi.advanceTimersByTime(step.after);
        const own = step.user === undefined ? {} : { Authorization: step.user };
        const request = {
          method: step.method,
          url: 'https://example.com/',
          headers: fields({ ...step.headers, ...own }),
        };
        const body = step.method === 'POST' ? { body: bytes('x') } : {};
        const asked = origin.cache.handle({ ...request, ...body }, (forwarded) => answer(forwarded, step)).then(read);
        running.push(
          asked.then(({ headers, body: text }) => {
            const others = USERS.filter((user) => user !== undefined && user !== step.user);
            const seen = JSON.stringify([headers, text]);
            for (const other of others) expect(seen).not.toContain(other);
          }),
        );
        if (!step.atOnce) await running.at(-1);
      }
      await Promise.all(running);
    }),
    { numRuns: Number(process.env['RUNS'] ?? 300) },
  );
});
