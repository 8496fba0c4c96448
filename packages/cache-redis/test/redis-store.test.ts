import type { CacheStore, StoreRecord } from '@forge/cache';
import { redisStore, type RedisCommands, type RedisStoreClient } from '@forge/cache-redis';
import { createClient } from 'redis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { pairScript } from '../src/scripts.ts';
import { connectTo, hint, missing, Server, type SingleClient } from './fixtures/servers.ts';
import { Wire } from './fixtures/wire.ts';

const record = (text: string, tags: readonly string[] = [], ttl = 60_000): StoreRecord => ({
  bytes: Buffer.from(text),
  tags,
  ttl,
});

const textOf = (found: StoreRecord | undefined): string | undefined =>
  found === undefined ? undefined : Buffer.from(found.bytes).toString();

describe.skipIf(missing)(`redisStore${hint}`, () => {
  let server: Server;
  let client: SingleClient;
  let store: CacheStore;

  beforeAll(async () => {
    server = await Server.start();
    client = connectTo(server.url);
    await client.connect();
  });

  beforeEach(async () => {
    await client.flushAll();
    store = redisStore(client);
  });

  afterAll(async () => {
    client.destroy();
    await server.stop();
  });

  const fill = async (key: string, text: string, tags: readonly string[]): Promise<boolean> => {
    const lease = await store.lease(key, tags, 10_000);
    return store.write(key, record(text, tags), lease);
  };

  it('reads in one round trip when the tags are those expected, in two when not', async () => {
    const wire = await Wire.to(server.port);
    const far = connectTo(wire.url);
    await far.connect();
    await fill('key', 'text', ['a', 'b']);
    const reader = redisStore(far);
    const count = async (tags: readonly string[]): Promise<number> => {
      const before = wire.roundTrips;
      expect(textOf(await reader.read('key', tags))).toBe('text');
      return wire.roundTrips - before;
    };
    expect(await count(['a', 'b', 'c'])).toBe(1);
    expect(await count(['a'])).toBe(2);
    far.destroy();
    wire.close();
  });

  it('leases, fills and invalidates in one round trip each, however many are invalidated', async () => {
    const wire = await Wire.to(server.port);
    const far = connectTo(wire.url);
    await far.connect();
    await fill('other', 'text', ['a']);
    const writer = redisStore(far);
    const before = wire.roundTrips;
    const lease = await writer.lease('key', ['a'], 1000);
    await writer.write('key', record('text', ['a', 'late']), lease);
    await writer.invalidate([
      ...Array.from({ length: 100 }, (_, i) => ({ kind: 'key', key: `key${i}` }) as const),
      { kind: 'tag', tag: 'a' },
      { kind: 'pattern', prefix: '', glob: 'k*' },
    ]);
    expect(wire.roundTrips - before).toBe(3);
    far.destroy();
    wire.close();
  });

  it('uses no command whose cost grows with the number of keys, and no set', async () => {
    await client.configResetStat();
    await fill('key', 'text', ['tag']);
    await store.read('key', ['tag']);
    await store.invalidate([{ kind: 'pattern', prefix: '', glob: 'k*' }, { kind: 'tag', tag: 'tag' }, { kind: 'all' }]);
    const used = [...(await client.info('commandstats')).matchAll(/cmdstat_([\w|]+)/g)].map(([, name]) => name);
    expect(used).toContain('evalsha');
    const allowed =
      /^(config\|resetstat|info|evalsha|eval|unlink|[gs]et|del|strlen|time|p?(ttl|expire)|h(set|mget|getall|incrby|del))$/;
    expect(used.filter((name) => !allowed.test(name!))).toEqual([]);
  });

  it('leaves nothing without an end, and nothing of tags that nobody has used', async () => {
    await fill('key', 'text', ['a', 'b']);
    await store.write('endless', record('text', ['c'], Infinity), undefined);
    await store.write('long', record('text', ['d'], 1e12), undefined);
    await store.lease('leased', ['e'], Infinity);
    const keys = await client.keys('*');
    expect(keys).toHaveLength(10);
    for (const key of keys) {
      const ttl = await client.pTTL(key);
      expect(ttl, key).toBeGreaterThan(0);
      expect(ttl, key).toBeLessThanOrEqual(30 * 24 * 3_600_000);
    }
    await store.invalidate(Array.from({ length: 10_000 }, (_, i) => ({ kind: 'tag', tag: `tag${i}` }) as const));
    expect(await client.dbSize()).toBe(10);
  });

  it('keeps only its ledger once 10,000 records and their tags have expired', async () => {
    const write = (i: number): Promise<boolean> => store.write(`key${i}`, record('text', [`tag${i}`], 1), undefined);
    for (let i = 0; i < 10_000; i += 500) await Promise.all(Array.from({ length: 500 }, (_, j) => write(i + j)));
    await expect.poll(() => client.dbSize(), { timeout: 10_000, interval: 20 }).toBe(1);
    expect(await client.hLen('{forge}:ledger')).toBe(5);
  });

  it('keeps a tag as long as the longest record that was written with it', async () => {
    for (const ttl of [1000, 60_000, 1000]) await store.write('key', record('text', ['tag'], ttl), undefined);
    await store.invalidate([{ kind: 'tag', tag: 'tag' }]);
    expect(await client.pTTL('{forge}:t:ktag')).toBeGreaterThan(50_000);
  });

  it('finds nothing when Redis has evicted a tag, nor when the tag comes back after an invalidation', async () => {
    await fill('key', 'old', ['tag']);
    await client.del('{forge}:t:ktag');
    expect(await store.read('key', ['tag'])).toBeUndefined();
    await store.invalidate([{ kind: 'tag', tag: 'tag' }]);
    expect(await fill('other', 'new', ['tag'])).toBe(true);
    expect(await store.read('key', ['tag'])).toBeUndefined();
    expect(textOf(await store.read('other', ['tag']))).toBe('new');
  });

  it('refuses a lease whose late tag was evicted when anything was invalidated since', async () => {
    const first = await store.lease('key', [], 10_000);
    await store.invalidate([{ kind: 'tag', tag: 'late' }]);
    expect(await store.write('key', record('old', ['late']), first)).toBe(false);
    expect(await store.read('key', ['late'])).toBeUndefined();
    const second = await store.lease('key', [], 10_000);
    expect(await store.write('key', record('new', ['late']), second)).toBe(true);
  });

  it('finds nothing when Redis has evicted the ledger, and works on', async () => {
    await fill('key', 'old', ['tag']);
    const lease = await store.lease('leased', ['tag'], 10_000);
    await client.del('{forge}:ledger');
    expect(await store.read('key', ['tag'])).toBeUndefined();
    expect(await store.write('leased', record('old', ['tag']), lease)).toBe(false);
    expect(await fill('other', 'new', ['tag'])).toBe(true);
    expect(await store.read('key', ['tag'])).toBeUndefined();
    expect(textOf(await store.read('other', ['tag']))).toBe('new');
  });

  it('works on with a tag that has outlived its ledger', async () => {
    await fill('key', 'old', ['tag']);
    for (let i = 0; i < 5; i++) await store.invalidate([{ kind: 'tag', tag: 'tag' }]);
    await client.del('{forge}:ledger');
    expect(await fill('key', 'new', ['tag'])).toBe(true);
    expect(textOf(await store.read('key', ['tag']))).toBe('new');
  });

  it('gives a lease that it has taken already when only the ledger turns out to be unknown', async () => {
    await client.scriptFlush();
    await client.eval(pairScript('forge').source, { keys: ['a', 'b'], arguments: ['hello'] });
    const lease = await store.lease('key', [], 10_000);
    expect(lease).toBeDefined();
    expect(await store.write('key', record('text'), lease)).toBe(true);
  });

  it('takes back a lease when the ledger cannot be opened', async () => {
    await store.read('key', []);
    const halfDead: RedisStoreClient = {
      isReady: true,
      withTypeMapping: (mapping) => {
        const commands: RedisCommands = client.withTypeMapping(mapping);
        return {
          eval: (source, call) => commands.eval(source, call),
          unlink: (keys) => commands.unlink(keys),
          scriptLoad: (source) => commands.scriptLoad(source),
          evalSha: async (sha, call) => {
            if (call.keys[0] === '{forge}:ledger') throw new Error('the node of the ledger is down');
            return commands.evalSha(sha, call);
          },
        };
      },
    };
    await expect(redisStore(halfDead).lease('key', [], 10_000)).rejects.toThrow('the ledger is down');
    await expect.poll(() => client.exists('forge:l:{kkey}')).toBe(0);
    expect(await store.lease('key', [], 10_000)).toBeDefined();
  });

  it.each([
    ['back', -3_600_000, 9_000, 10_000],
    ['forward', 3_600_000, -2, -2],
  ])('lets no record live longer when the clock of Redis was set %s', async (_, by, least, most) => {
    const lease = await store.lease('key', [], 10_000);
    const [nonce, epoch, clock, lead] = lease!.token.split(' ');
    // Learned before the clock was set.
    const token = [nonce, epoch, clock, Number(lead) - by].join(' ');
    expect(await store.write('key', record('text', [], 10_000), { token })).toBe(true);
    const left = await client.pTTL('forge:v:{kkey}');
    expect(left).toBeGreaterThanOrEqual(least);
    expect(left).toBeLessThanOrEqual(most);
  });

  it('works under a key prefix of the client', async () => {
    const prefixed = createClient({ url: server.url, keyPrefix: 'app:' });
    await prefixed.connect();
    const other = redisStore(prefixed, { namespace: 'prefixed' });
    expect(await other.write('key', record('text', ['tag']), undefined)).toBe(true);
    expect(textOf(await other.read('key', ['tag']))).toBe('text');
    expect((await client.keys('*')).filter((key) => !key.startsWith('app:'))).toEqual([]);
    await other.invalidate([{ kind: 'key', key: 'key' }]);
    expect(await other.read('key', ['tag'])).toBeUndefined();
    prefixed.destroy();
  });

  it('goes on with what it has when Redis only forgets the scripts', async () => {
    await fill('key', 'text', ['tag']);
    const lease = await store.lease('leased', ['tag'], 10_000);
    for (const operation of [
      () => store.read('key', ['tag']),
      () => store.write('leased', record('text', ['tag']), lease),
      () => store.write('key', record('text', ['tag']), undefined),
      () => store.lease('free', [], 1000),
    ]) {
      await client.scriptFlush();
      expect(await operation()).toBeTruthy();
    }
    await client.scriptFlush();
    await store.invalidate([{ kind: 'tag', tag: 'tag' }]);
    for (const key of ['key', 'leased']) expect(await store.read(key, ['tag'])).toBeUndefined();
  });

  it('lets leases be given and used by many that find the scripts unknown at once', async () => {
    await client.scriptFlush();
    const stores = Array.from({ length: 20 }, () => redisStore(client));
    const leases = await Promise.all(stores.map((each, i) => each.lease(`key${i}`, ['tag'], 10_000)));
    const written = stores.map((each, i) => each.write(`key${i}`, record('text', ['tag']), leases[i]));
    expect(await Promise.all(written)).toEqual(stores.map(() => true));
  });

  it('finds nothing in what it did not write', async () => {
    await fill('key', 'text', ['tag']);
    const good = await client.withTypeMapping({ 36: Buffer }).get('forge:v:{kkey}');
    const bytes = good as unknown as Buffer;
    const foreign: [string, Buffer | string][] = [
      ['text', 'text'],
      ['nothing', ''],
      ['cut', bytes.subarray(0, -1)],
      ['cut within the lengths', bytes.subarray(0, 20)],
      ['grown', Buffer.concat([bytes, Buffer.from('x')])],
      ['another version', Buffer.concat([Buffer.from('FC\u0002'), bytes.subarray(3)])],
      ['a header that is no JSON', Buffer.from(bytes).fill('{', 35, 40)],
      ['a clock that is no number', Buffer.from(bytes).fill(0xff, 19, 27)],
    ];
    for (const [name, value] of foreign) {
      await client.set('forge:v:{kkey}', value, { PX: 60_000 });
      expect(await store.read('key', ['tag']), name).toBeUndefined();
    }
    await client.set('forge:v:{kkey}', bytes);
    expect(await store.read('key', ['tag']), 'without an end').toBeUndefined();
    await client.set('forge:v:{kkey}', bytes, { PX: 60_000 });
    expect(textOf(await store.read('key', ['tag']))).toBe('text');
  });

  it('finds nothing under keys of another type, and writes over them', async () => {
    for (const key of ['forge:v:{kkey}', '{forge}:t:ktag', '{forge}:ledger']) await client.lPush(key, 'foreign');
    expect(await store.read('key', ['tag'])).toBeUndefined();
    await store.invalidate([{ kind: 'tag', tag: 'tag' }]);
    expect(await fill('key', 'text', ['tag'])).toBe(true);
    expect(textOf(await store.read('key', ['tag']))).toBe('text');
  });

  it('keeps no record above maxValueSize, removes the one before and ends the lease', async () => {
    const small = redisStore(client, { maxValueSize: 1000 });
    for (const large of [
      record('x'.repeat(1001)),
      record('x', ['t'.repeat(1000)]),
      record('x', [], 0),
      record('x', [], NaN),
    ]) {
      expect(await small.write('key', record('before'), undefined)).toBe(true);
      const lease = await small.lease('key', [], 10_000);
      expect(await small.write('key', large, lease)).toBe(true);
      expect(await small.read('key', [])).toBeUndefined();
      expect(await small.lease('key', [], 1)).toBeDefined();
      expect(await small.write('key', large, undefined)).toBe(true);
    }
  });

  it('keeps no record of more than 1024 tags', async () => {
    const tags = Array.from({ length: 1025 }, (_, i) => `tag${i}`);
    expect(await store.write('key', record('text', tags.slice(1)), undefined)).toBe(true);
    expect(textOf(await store.read('key', []))).toBe('text');
    expect(await store.write('key', record('text', tags), undefined)).toBe(true);
    expect(await store.read('key', [])).toBeUndefined();
  });

  it('does not fetch what is larger than it would have written', async () => {
    await store.write('key', record('x'.repeat(5000)), undefined);
    await client.configResetStat();
    expect(await redisStore(client, { maxValueSize: 1000 }).read('key', [])).toBeUndefined();
    expect(await client.info('commandstats')).not.toContain('cmdstat_get:');
  });

  it('keeps 64 patterns and invalidates what is older than those that gave way', async () => {
    await fill('first', 'text', []);
    await store.invalidate([{ kind: 'pattern', prefix: '', glob: 'none0' }]);
    await fill('second', 'text', []);
    const ban = (i: number): Promise<void> => store.invalidate([{ kind: 'pattern', prefix: '', glob: `none${i}` }]);
    for (let i = 1; i < 64; i++) await ban(i);
    expect(textOf(await store.read('first', []))).toBe('text');
    await ban(64);
    expect(await store.read('first', [])).toBeUndefined();
    expect(textOf(await store.read('second', []))).toBe('text');
    expect(await client.hLen('{forge}:ledger')).toBe(5 + 64);
  });

  it('keeps a pattern once, however often it is invalidated', async () => {
    for (let i = 0; i < 100; i++) {
      await fill('key', 'text', []);
      await store.invalidate([{ kind: 'pattern', prefix: '', glob: 'k*' }]);
      expect(await store.read('key', [])).toBeUndefined();
    }
    expect(await client.hLen('{forge}:ledger')).toBe(6);
  });

  it('invalidates all for a pattern that is too long to keep, or too many at once', async () => {
    const many = Array.from({ length: 65 }, (_, i) => ({ kind: 'pattern', prefix: '', glob: `none${i}` }) as const);
    for (const invalidations of [[{ kind: 'pattern', prefix: '', glob: 'n'.repeat(513) }] as const, many]) {
      await fill('key', 'text', []);
      await store.invalidate(invalidations);
      expect(await store.read('key', [])).toBeUndefined();
      expect(await client.hLen('{forge}:ledger')).toBe(5);
    }
  });

  it('hears of a pattern that another process has invalidated', async () => {
    const other = redisStore(client);
    await fill('key', 'text', []);
    expect(textOf(await other.read('key', []))).toBe('text');
    await store.invalidate([
      { kind: 'pattern', prefix: '', glob: 'k\ud800*' },
      { kind: 'pattern', prefix: 'k*', glob: '*' },
      { kind: 'pattern', prefix: 'e', glob: '*' },
    ]);
    expect(textOf(await other.read('key', []))).toBe('text');
    await store.invalidate([{ kind: 'pattern', prefix: 'k', glob: '?y' }]);
    expect(await other.read('key', [])).toBeUndefined();
  });

  it('takes a pattern that it cannot understand for one that matches everything', async () => {
    await fill('key', 'text', []);
    await client.hSet('{forge}:ledger', { clock: '1', banned: '1', '1': 'foreign' });
    expect(await store.read('key', [])).toBeUndefined();
  });

  it('shares a namespace only with stores of the same', async () => {
    const other = redisStore(client, { namespace: 'other' });
    await fill('key', 'text', ['tag']);
    expect(await other.read('key', ['tag'])).toBeUndefined();
    await other.invalidate([{ kind: 'all' }, { kind: 'key', key: 'key' }]);
    expect(textOf(await redisStore(client).read('key', ['tag']))).toBe('text');
  });

  it('tells texts apart that Redis would not', async () => {
    const texts = [
      '',
      'k',
      '}',
      '{}',
      '\ud800',
      '\udbff',
      '?',
      '\ufffd',
      'x'.repeat(256),
      'x'.repeat(257),
      `${'x'.repeat(256)}y`,
    ];
    for (const text of texts) await store.write(text, record(JSON.stringify(text), [text]), undefined);
    for (const text of texts) expect(textOf(await store.read(text, [text]))).toBe(JSON.stringify(text));
    await store.invalidate([{ kind: 'tag', tag: '\ud800' }]);
    for (const text of texts) expect((await store.read(text, [])) === undefined, text).toBe(text === '\ud800');
  });

  it('gives back bytes and a life without end as they were', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    await store.write('key', { bytes, tags: ['a\ud800'], ttl: Infinity }, undefined);
    const found = await store.read('key', []);
    expect(Uint8Array.from(found!.bytes)).toEqual(bytes);
    expect(found).toMatchObject({ tags: ['a\ud800'], ttl: Infinity });
  });
});
