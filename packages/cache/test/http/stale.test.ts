import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Origin, settled, type Fields } from './origin.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** An origin that answered once, an age ago, and fails since: by an error of its own, or by no answer. */
async function failing(headers: Fields, age: number, failure: 'status' | 'disconnect', options = {}): Promise<Origin> {
  const origin = new Origin({ headers }, options);
  await origin.get();
  vi.advanceTimersByTime(age);
  origin.answers = () => {
    if (failure === 'disconnect') throw new Error('refused');
    return { status: 503, body: 'sorry' };
  };
  return origin;
}

describe('HttpCache while it revalidates', () => {
  it('answers stale and renews behind the back of the client, once', async () => {
    const origin = new Origin({ headers: { 'Cache-Control': 'max-age=1, stale-while-revalidate=10' } });
    await origin.get();
    vi.advanceTimersByTime(5000);
    const answers = await Promise.all([origin.get(), origin.get()]);
    await settled();

    expect(answers.map(({ body }) => body)).toEqual(['answer 1', 'answer 1']);
    expect(answers[0].how).toBe('forge; hit; ttl=-4');
    expect((await origin.get()).body).toBe('answer 2');
    expect(origin.requests).toHaveLength(2);
    expect(origin.cache.getMetrics().refreshes).toBe(1);
  });

  it.each([
    'stale-while-revalidate=3',
    'stale-while-revalidate=10, must-revalidate',
    'stale-while-revalidate=10, no-cache',
  ])('does not with %s', async (control) => {
    const origin = new Origin({ headers: { 'Cache-Control': `max-age=1, ${control}`, ETag: '"a"' } });
    await origin.get();
    vi.advanceTimersByTime(5000);

    expect((await origin.get()).body).toBe('answer 2');
  });

  it('tells of a refresh that fails, and answers on', async () => {
    const origin = await failing({ 'Cache-Control': 'max-age=1, stale-while-revalidate=10' }, 5000, 'disconnect');
    const errors: unknown[] = [];
    origin.cache.on('httpCacheError', (event) => errors.push(event));

    expect((await origin.get()).status).toBe(200);
    await settled();
    expect(errors).toEqual([{ url: 'https://example.com/', error: new Error('refused') }]);
    expect(origin.cache.getMetrics().errors).toBe(1);
  });

  it('gives a refresh up that does not end', async () => {
    const origin = new Origin({ headers: { 'Cache-Control': 'max-age=1, stale-while-revalidate=10' } });
    await origin.get();
    vi.advanceTimersByTime(2000);
    origin.answers = () => new Promise(() => {});
    await origin.get();
    await settled();
    expect(origin.requests[1]!.signal!.aborted).toBe(false);
    vi.advanceTimersByTime(30_000);

    expect(origin.requests[1]!.signal!.aborted).toBe(true);
    expect(vi.getTimerCount()).toBeLessThanOrEqual(1);
  });
});

describe('HttpCache while its origin fails', () => {
  it.each<[string, 'status' | 'disconnect', boolean]>([
    ['max-age=1', 'disconnect', true],
    ['max-age=1', 'status', false],
    ['max-age=1, stale-if-error=9', 'status', true],
    ['max-age=1, stale-if-error=3', 'status', false],
    ['max-age=1, stale-if-error=3', 'disconnect', false],
    ['max-age=1, must-revalidate, stale-if-error=9', 'disconnect', false],
    ['max-age=1, proxy-revalidate', 'disconnect', false],
    ['s-maxage=1', 'disconnect', false],
    ['no-cache', 'disconnect', false],
  ])('with %s and %s stands in: %s', async (control, failure, standsIn) => {
    const origin = await failing({ 'Cache-Control': control, ETag: '"a"' }, 5000, failure);
    const answer = await origin.get().catch(() => undefined);

    expect(answer?.body === 'answer 1').toBe(standsIn);
    expect(origin.cache.getMetrics().stoodIn).toBe(standsIn ? 1 : 0);
    if (standsIn) expect(answer!.how).toContain('fwd=stale');
  });

  it('stands in as long as staleOnDisconnect says, and not for who wants none', async () => {
    const origin = await failing({ 'Cache-Control': 'max-age=1' }, 5000, 'disconnect', { staleOnDisconnect: 6000 });

    await expect(origin.get('/', { 'Cache-Control': 'no-cache' })).rejects.toThrow('refused');
    expect((await origin.get()).body).toBe('answer 1');
    vi.advanceTimersByTime(3000);
    await expect(origin.get()).rejects.toThrow('refused');
  });

  it('answers all who wait', async () => {
    const origin = await failing({ 'Cache-Control': 'max-age=1' }, 5000, 'disconnect');
    const answers = await Promise.all([origin.get(), origin.get()]);

    expect(answers.map(({ body }) => body)).toEqual(['answer 1', 'answer 1']);
    expect(origin.requests).toHaveLength(2);
  });

  it('answers stale for who asks with max-stale, without going forward', async () => {
    const origin = await failing({ 'Cache-Control': 'max-age=1', ETag: '"a"' }, 5000, 'disconnect');

    expect((await origin.get('/', { 'Cache-Control': 'max-stale=9' })).how).toBe('forge; hit; ttl=-4');
    expect(origin.requests).toHaveLength(1);
  });
});

describe('HttpCache asked with only-if-cached', () => {
  it('answers 504 rather than go forward', async () => {
    const origin = new Origin({ headers: { 'Cache-Control': 'max-age=60' } });

    expect((await origin.get('/', { 'Cache-Control': 'only-if-cached' })).status).toBe(504);
    await origin.get();
    expect((await origin.get('/', { 'Cache-Control': 'only-if-cached' })).status).toBe(200);
    expect(origin.requests).toHaveLength(1);
  });
});
