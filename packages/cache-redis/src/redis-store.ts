import { randomBytes } from 'node:crypto';
import type { Bytes, CacheStore, Invalidation, Milliseconds, StoreLease, StoreRecord } from '@forge/cache';
import { functionOption, numberOption, objectOption, stringOption } from '@forge/internal';
import type { RedisStoreClient } from './client.ts';
import { Commands, isUnknownScript, unavailable } from './commands.ts';
import { Ledger } from './ledger.ts';
import { Names } from './names.ts';
import { optionNames } from './option-names.ts';
import { packRecord, stampRecord, unpackRecord, type Stamp } from './record.ts';
import { LONGEST_LIFE, pairScript, runScript, type Script } from './scripts.ts';

export interface RedisStoreOptions {
  /**
   * Stands in front of every key in Redis; caches that share it share their records. At most 64 characters, without
   * braces. A server knows it by this name alone: take another for another database or `keyPrefix`.
   *
   * @default 'forge'
   */
  readonly namespace?: string;
  /**
   * A record of more bytes, its tags included, is not stored, and what its key held is removed.
   * @default 1_048_576
   */
  readonly maxValueSize?: Bytes;
}

/**
 * A second tier in Redis 7 or later, or Valkey. The client stays yours: connect it, listen to its errors and close it.
 *
 * @example
 * const client = await createClient().on('error', log).connect();
 * const cache = new ResponseCache({ store: redisStore(client), bus: redisBus(client) });
 *
 * @throws TypeError, RangeError on a wrong argument
 */
export function redisStore(client: RedisStoreClient, options: RedisStoreOptions = {}): CacheStore {
  const subject = 'create a Redis store';
  objectOption(subject, 'client', client);
  functionOption(subject, 'client.withTypeMapping', Reflect.get(client, 'withTypeMapping'));
  objectOption(subject, 'options', options);
  optionNames(subject, options, ['namespace', 'maxValueSize']);
  const namespace = options.namespace ?? 'forge';
  stringOption(subject, 'namespace', namespace);
  if (!/^[^{}\p{Surrogate}\p{Cc}]{1,64}$/u.test(namespace)) {
    throw new RangeError(
      `Cannot ${subject}: namespace must be 1 to 64 characters without braces, got ${JSON.stringify(namespace)}`,
    );
  }
  const range = { min: 1, max: 512 * 2 ** 20, integer: true };
  const maxValueSize = numberOption(subject, 'maxValueSize', options.maxValueSize, 2 ** 20, range);
  return new RedisStore(client, namespace, maxValueSize);
}

/** Of a call whose servers forget their scripts again and again. */
const MOST_ATTEMPTS = 5;

/** What a token says: whose lease it is in Redis, and the moment from which invalidations void it. */
interface Right extends Stamp {
  readonly nonce: string;
  /** By so much the server's clock is ahead of this process's. */
  readonly lead: Milliseconds;
}

/** A record on its way, not stamped yet. */
interface Write {
  readonly key: string;
  /** Undefined for what is too large, whose key then holds nothing. */
  readonly packed: Buffer | undefined;
  readonly tags: readonly string[];
  readonly life: Milliseconds;
  /** On this process's clock. */
  readonly endsAt: Milliseconds;
}

/**
 * Values and leases, each pair in a slot of its own, next to the {@link Ledger} that says which of them are valid.
 *
 * A read asks for the value and for the page of the ledger at once. Which of the two is answered first does not matter:
 * whatever invalidation was complete before the read began, both answers know of it.
 *
 * A key is invalidated by deleting its value and its lease, everything else by the ledger alone. Both would be undone by
 * a server that starts again from an old snapshot, or by one that has lost what it had not replicated. Scripts outlive
 * neither a restart nor, from Redis 7 on, a change to a replica; so a server that does not know ours may not be the one
 * that we knew. It is asked for its run, and if that is news the ledger gets a new epoch, which makes everything invalid,
 * before the script is taught. So a lease that another run has given is one that cannot be used any more, and stands in
 * nobody's way. That many processes find out at once, or that scripts are flushed, does no harm. In a cluster
 * that leaves open one read whose page left the ledger before the new epoch began and whose value left the new server
 * after another process had taught it, so two round trips apart though they were asked for at once.
 */
class RedisStore implements CacheStore {
  readonly #commands: Commands;
  readonly #names: Names;
  readonly #ledger: Ledger;
  readonly #pair: Script;
  readonly #run = runScript();
  readonly #maxValueSize: Bytes;
  #meeting: Promise<void> | undefined;

  constructor(client: RedisStoreClient, namespace: string, maxValueSize: Bytes) {
    this.#commands = new Commands(client);
    this.#names = new Names(namespace);
    this.#pair = pairScript(namespace);
    this.#ledger = new Ledger(this.#commands, this.#names);
    this.#maxValueSize = maxValueSize;
  }

  read(key: string, tags: readonly string[]): Promise<StoreRecord | undefined> {
    return this.#onKnownServers(key, () => this.#read(key, tags));
  }

  lease(key: string, tags: readonly string[], ttl: Milliseconds): Promise<StoreLease | undefined> {
    // Outside of the attempt: a second one finds its own lease and takes it.
    const nonce = randomBytes(12).toString('base64url');
    return this.#onKnownServers(key, async () => {
      const life = lifeOf(ttl);
      const leased = this.#onPair(key, ['lease', nonce, String(life)]).then(leadOf);
      const opened = this.#ledger.open(tags, life).catch((error: unknown) => {
        // Nobody would ever hold what was leased, though all would wait for its end.
        if (!isUnknownScript(error)) void this.#onPair(key, ['release', nonce]).catch(() => {});
        throw error;
      });
      const [lead, { epoch, clock }] = await Promise.all([leased, opened]);
      return lead === undefined ? undefined : { token: [nonce, epoch, clock, lead].join(' ') };
    });
  }

  async write(key: string, record: StoreRecord, lease: StoreLease | undefined): Promise<boolean> {
    const right = lease === undefined ? undefined : parseToken(lease.token);
    if (lease !== undefined && right === undefined) return false;
    const { tags } = record;
    const life = lifeOf(record.ttl);
    const endsAt = performance.now() + life;
    const write = { key, packed: packRecord(record, this.#maxValueSize), tags, life, endsAt };
    return this.#onKnownServers(key, () => (right === undefined ? this.#set(write) : this.#fill(write, right)));
  }

  async release(key: string, lease: StoreLease): Promise<void> {
    const right = parseToken(lease.token);
    if (right === undefined) return;
    await this.#onKnownServers(key, () => this.#onPair(key, ['release', right.nonce]));
  }

  async invalidate(invalidations: readonly Invalidation[]): Promise<void> {
    const keys = new Set<string>();
    for (const each of invalidations) if (each.kind === 'key') keys.add(each.key);
    const deleted = this.#commands.unlink([...keys].flatMap((key) => this.#names.pair(key)));
    const bumped = this.#ledger.invalidate(invalidations).catch(async (error: unknown) => {
      if (!isUnknownScript(error)) throw error;
      await this.#ledger.renew();
      await this.#ledger.invalidate(invalidations);
    });
    await Promise.all([deleted, bumped]);
  }

  async #read(key: string, tags: readonly string[]): Promise<StoreRecord | undefined> {
    const [reply, page] = await Promise.all([
      this.#onPair(key, ['read', String(this.#maxValueSize)]),
      this.#ledger.read(tags),
    ]);
    if (!Array.isArray(reply) || page === undefined) return undefined;
    const [packed, ttl] = reply as [Buffer, number];
    const record = unpackRecord(packed);
    if (record === undefined || ttl <= 0) return undefined;
    const expected = new Set(tags);
    const late = record.tags.filter((tag) => !expected.has(tag));
    const known = record.tags.filter((tag) => expected.has(tag));
    if (!page.admits(record, key, known)) return undefined;
    if (late.length > 0 && !(await this.#ledger.read(late))?.admits(record, key, late)) return undefined;
    return { bytes: record.bytes, tags: record.tags, ttl: record.endless ? Infinity : ttl };
  }

  /** With a lease: the record is as old as the lease. */
  async #fill({ key, packed, tags, life, endsAt }: Write, right: Right): Promise<boolean> {
    const [written, page] = await Promise.all([
      this.#onPair(key, ['write', right.nonce, endOn(right.lead, endsAt), String(life), stamped(packed, right)]),
      this.#ledger.open(tags, life),
    ]);
    // Where the page does not admit it, the record lies there unread until the next one takes its place.
    return written === 1 && page.admits(right, key, tags);
  }

  /** Without a lease: the record is as old as this call. */
  async #set({ key, packed, tags, life, endsAt }: Write): Promise<boolean> {
    const [lead, page] = await Promise.all([this.#onPair(key, ['now']).then(leadOf), this.#ledger.open(tags, life)]);
    if (lead === undefined) throw unavailable('it does not answer as our script does');
    await this.#onPair(key, ['write', '', endOn(lead, endsAt), String(life), stamped(packed, page)]);
    return true;
  }

  #onPair(key: string, args: (string | Buffer)[]): Promise<unknown> {
    return this.#commands.run(this.#pair, this.#names.pair(key), args);
  }

  /** Does the whole again where a server turned out to be another: what was compared before is worth nothing. */
  async #onKnownServers<T>(key: string, attempt: () => Promise<T>): Promise<T> {
    for (let left = MOST_ATTEMPTS; ; left--) {
      try {
        return await attempt();
      } catch (error) {
        if (!isUnknownScript(error) || left === 1) throw error;
      }
      this.#meeting ??= this.#meetServers(key).finally(() => (this.#meeting = undefined));
      await this.#meeting;
    }
  }

  /**
   * One at a time: calls that find the nodes of a cluster unknown together would begin one epoch after the other.
   *
   * A server may learn the scripts only when nothing that it may have forgotten, or remembered from before, counts.
   */
  async #meetServers(key: string): Promise<void> {
    const pair = this.#names.pair(key);
    const run = await this.#commands.teach(this.#run, pair, []);
    const renewed = await this.#ledger.renew(String(run));
    const taught = this.#commands.teach(this.#pair, pair, ['hello']);
    // The other servers too, for each that is met later makes everything invalid; one that is down does so when it is up.
    const spread = renewed ? this.#commands.teachAll(this.#pair).catch(() => {}) : undefined;
    await Promise.all([taught, spread]);
  }
}

/** Nothing is written as nothing. */
function stamped(packed: Buffer | undefined, stamp: Stamp): Buffer | '' {
  return packed === undefined ? '' : stampRecord(packed, stamp);
}

/** Redis counts in whole ms. */
function lifeOf(ttl: Milliseconds): Milliseconds {
  return ttl > 1 ? Math.floor(Math.min(ttl, LONGEST_LIFE)) : 1;
}

/**
 * From what the server's clock shows. The answer was some time on its way, so that it is more by that, never less: what
 * ends by it ends early. Undefined for an answer that shows nothing.
 */
function leadOf(shown: unknown): Milliseconds | undefined {
  return typeof shown === 'number' && shown > 0 ? shown - performance.now() : undefined;
}

/** On the server's clock, in whole ms. */
function endOn(lead: Milliseconds, endsAt: Milliseconds): string {
  return String(Math.floor(lead + endsAt));
}

function parseToken(token: string): Right | undefined {
  const [nonce, epoch, ...numbers] = token.split(' ');
  const [clock, lead] = numbers.map(Number);
  if (!nonce || epoch === undefined || !Number.isFinite(clock) || !Number.isFinite(lead)) return undefined;
  return { nonce, epoch, clock: clock!, lead: lead! };
}
