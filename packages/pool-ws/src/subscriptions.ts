import { callQuietly, type Clock } from '@forge/internal';
import type { Lease, Milliseconds } from '@forge/pool';
import type { Channel } from './channel.ts';
import type { Codec, Decoded, SubscriptionKey } from './codec.ts';
import type { WebSocketConnection } from './connection.ts';
import { isWebSocketError, kindOf, WebSocketError } from './errors.ts';
import { overloaded, type Call } from './in-flight.ts';
import type { Counts } from './metrics.ts';
import type { Permit } from './outbox.ts';
import { LONGEST_PAUSE, pause } from './reconnects.ts';
import type { Subscribed } from './subscription.ts';
import type { Writer } from './writer.ts';

/** Subscriptions that one pool may have. */
export const MOST_SUBSCRIPTIONS = 10_000;
/** Of the first pause between two tries to bring subscriptions home. */
const FIRST_PAUSE: Milliseconds = 100;
/** Characters of a name: the server chooses it, and it is kept. */
const LONGEST_KEY = 1_000;

/** What one channel carries. Several may have one name, where the server names what it sends and not who gets it. */
type Names<Request, Result> = Map<SubscriptionKey, Set<Subscribed<Request, Result>>>;

export interface SubscriptionParts<Request, Result> {
  readonly clock: Clock;
  readonly codec: Codec<Request, Result>;
  readonly counts: Counts;
  readonly random: () => number;
  readonly requestTimeout: Milliseconds;
  readonly writer: Writer<Request>;
  /** A channel that is open, for as long as its lease. */
  readonly lease: () => Promise<Lease<WebSocketConnection<Request, Result>>>;
  /** The channel carries no subscription any more. */
  readonly onEmptied: (channel: Channel<Request, Result>) => void;
}

/**
 * The subscriptions of a pool, and the sockets that carry them.
 *
 * One whose socket has ended is homeless until another socket carries it: a new one opens all that are homeless before it
 * serves anybody, and if none is being made, a lease is asked for, which makes one or leads to one that exists. They are
 * opened in the order of their first answers, all in one go: a server reads in order, and to wait for each answer would
 * cost a round trip for each. A subscription holds no lease, for it is no work for the server, and no place that a request
 * could have.
 */
export class Subscriptions<Request, Result> {
  readonly #parts: SubscriptionParts<Request, Result>;
  readonly #all = new Set<Subscribed<Request, Result>>();
  readonly #carried = new Map<Channel<Request, Result>, Names<Request, Result>>();
  readonly #homeless = new Set<Subscribed<Request, Result>>();
  readonly #closing = new AbortController();
  #lastRank = 0;
  #homecoming: Promise<void> | undefined;

  constructor(parts: SubscriptionParts<Request, Result>) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#all.size;
  }

  get homeless(): number {
    return this.#homeless.size;
  }

  carries(channel: Channel<Request, Result>): boolean {
    return this.#carried.has(channel);
  }

  /** @throws WebSocketError WS_OVERLOADED */
  add(subscribed: Subscribed<Request, Result>): void {
    if (this.#all.size >= MOST_SUBSCRIPTIONS)
      throw overloaded('a subscribe', `${MOST_SUBSCRIPTIONS} subscriptions exist`);
    this.#all.add(subscribed);
  }

  /**
   * Asks for it on this channel.
   *
   * @throws WebSocketError WS_BAD_ANSWER when the answer names no subscription; what `ask` throws
   */
  async open(
    channel: Channel<Request, Result>,
    subscribed: Subscribed<Request, Result>,
    call: Call,
    permit?: Permit,
  ): Promise<void> {
    subscribed.opening = channel;
    try {
      if (this.#parts.codec.acknowledges === false) {
        if (permit === undefined) channel.write(call.frame);
        else await channel.post(call, permit);
        this.#settle(subscribed, channel, subscribed.id, {});
        return;
      }
      const accept = (said: Decoded): void => this.#accept(subscribed, channel, said);
      const answer = await channel.ask({ ...call, accept }, permit);
      if (!isKey(keyOf(answer))) throw new WebSocketError('WS_BAD_ANSWER', 'The server has not named the subscription');
    } finally {
      // What is answered later is nobody's.
      if (subscribed.opening === channel) subscribed.opening = undefined;
    }
  }

  /** Opens what is homeless, in order; resolves when each is answered. */
  async settleOn(channel: Channel<Request, Result>): Promise<void> {
    const waiting = [...this.#homeless].filter(({ opening }) => opening === undefined);
    waiting.sort((one, two) => one.rank - two.rank);
    await Promise.all(waiting.map((subscribed) => this.#reopen(channel, subscribed)));
  }

  /** False where no subscription has this name on this channel. */
  published(channel: Channel<Request, Result>, { subscription, result, error, done }: Decoded): boolean {
    const named = this.#carried.get(channel)?.get(subscription as SubscriptionKey);
    if (named === undefined) return false;
    for (const subscribed of named) {
      if (subscribed.isEnded) continue;
      if (result !== undefined) callQuietly(() => subscribed.onMessage(result as Result));
      if (error !== undefined || done === true) this.end(subscribed, error);
    }
    return true;
  }

  /** The channel has ended: what it carried needs another. */
  orphan(channel: Channel<Request, Result>): void {
    for (const subscribed of this.#at(channel)) {
      subscribed.home = undefined;
      this.#homeless.add(subscribed);
    }
    this.#carried.delete(channel);
    if (this.#homeless.size > 0) void this.#bringHome();
  }

  /** The channel is to end: it carries on until others carry what it has. */
  async move(channel: Channel<Request, Result>): Promise<void> {
    for (const subscribed of this.#at(channel)) this.#homeless.add(subscribed);
    await this.#bringHome();
  }

  /** Ends it here and tells the server, if it can be told. */
  async unsubscribe(subscribed: Subscribed<Request, Result>): Promise<void> {
    if (subscribed.isEnded) return;
    const { home, key } = subscribed;
    this.#forget(subscribed, undefined);
    try {
      if (home !== undefined && key !== undefined) await this.#tell(home, subscribed, key);
    } finally {
      this.#lookAt(home);
    }
  }

  /** Ends it without telling the server. */
  end(subscribed: Subscribed<Request, Result>, reason: unknown): void {
    const { home } = subscribed;
    this.#forget(subscribed, reason);
    this.#lookAt(home);
  }

  /** Ends all; none will be opened again. */
  close(): void {
    this.#closing.abort();
    for (const subscribed of this.#all) this.end(subscribed, undefined);
  }

  #forget(subscribed: Subscribed<Request, Result>, reason: unknown): void {
    this.#all.delete(subscribed);
    this.#homeless.delete(subscribed);
    this.#leave(subscribed);
    subscribed.end(reason);
  }

  #lookAt(home: Channel<Request, Result> | undefined): void {
    if (home !== undefined && !this.carries(home)) this.#parts.onEmptied(home);
  }

  /** Those whose home it is. */
  #at(channel: Channel<Request, Result>): Subscribed<Request, Result>[] {
    const carried = [...(this.#carried.get(channel)?.values() ?? [])].flatMap((named) => [...named]);
    return carried.filter(({ home, isEnded }) => home === channel && !isEnded);
  }

  async #reopen(channel: Channel<Request, Result>, subscribed: Subscribed<Request, Result>): Promise<void> {
    const { clock, requestTimeout: timeout } = this.#parts;
    const { id, frame } = subscribed;
    const call = { id, frame, timeout, at: clock.now() + timeout, signal: undefined };
    try {
      await this.open(channel, subscribed, call);
    } catch (error) {
      const isRefused = isWebSocketError(error) && ['WS_REMOTE_ERROR', 'WS_BAD_ANSWER'].includes(error.code);
      if (isRefused) this.end(subscribed, error);
    }
  }

  /** In the turn in which the answer arrives: its first message may be right behind it. */
  #accept(subscribed: Subscribed<Request, Result>, channel: Channel<Request, Result>, answer: Decoded): void {
    const key = keyOf(answer);
    if (answer.error !== undefined || !isKey(key)) return;
    if (!subscribed.isEnded && subscribed.opening === channel) this.#settle(subscribed, channel, key, answer);
    else this.#tell(channel, subscribed, key).catch(() => {}); // the server has what nobody waits for
  }

  #settle(
    subscribed: Subscribed<Request, Result>,
    channel: Channel<Request, Result>,
    key: SubscriptionKey,
    { result }: Decoded,
  ): void {
    // One that is to end still delivers what the server sent before it heard of that: rather twice than never.
    this.#homeless.delete(subscribed);
    subscribed.home = channel;
    subscribed.key = key;
    const names: Names<Request, Result> = getOrSet(this.#carried, channel, () => new Map());
    getOrSet(names, key, () => new Set()).add(subscribed);
    if (subscribed.rank === 0) {
      subscribed.rank = this.#lastRank += 1;
      return;
    }
    this.#parts.counts.resubscriptions += 1;
    const { onResume } = subscribed.options;
    if (onResume !== undefined) callQuietly(() => onResume(result as Result));
  }

  /** Takes it from where it is carried. */
  #leave(subscribed: Subscribed<Request, Result>): void {
    const { home, key } = subscribed;
    const names = home && this.#carried.get(home);
    const named = names?.get(key as SubscriptionKey);
    named?.delete(subscribed);
    if (named?.size === 0) names?.delete(key as SubscriptionKey);
    if (names?.size === 0) this.#carried.delete(home!);
    subscribed.home = undefined;
  }

  async #tell(
    channel: Channel<Request, Result>,
    { options: { unsubscribe } }: Subscribed<Request, Result>,
    key: SubscriptionKey,
  ): Promise<void> {
    const { codec, writer } = this.#parts;
    const isShared = this.#carried.get(channel)?.has(key) === true;
    if (unsubscribe === undefined || !channel.isOpen || isShared) return;
    const payload = unsubscribe(key);
    if (codec.acknowledges === false) channel.write(writer.frame(payload));
    else await channel.ask(writer.call(payload, {})).catch(unlessEnded);
  }

  #bringHome(): Promise<void> {
    this.#homecoming ??= this.#seekHomes().finally(() => (this.#homecoming = undefined));
    return this.#homecoming;
  }

  /** Never rejects. */
  async #seekHomes(): Promise<void> {
    const { lease, random } = this.#parts;
    const { signal } = this.#closing;
    for (let tries = 0; this.#homeless.size > 0 && !signal.aborted; tries += 1) {
      try {
        if (tries > 0) await pause(random() * Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** tries), signal);
        using found = await lease();
        await this.settleOn(found.connection as Channel<Request, Result>);
      } catch (error) {
        if (isFatal(error)) for (const subscribed of this.#homeless) this.end(subscribed, error);
      }
    }
  }
}

/** Whether no connect will succeed, said by the pool about its connects. */
function isFatal(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) if (kindOf(at) === 'fatal') return true;
  return false;
}

/** With its socket a subscription has ended too. */
function unlessEnded(error: unknown): void {
  if (!isWebSocketError(error) || error.kind === undefined) throw error;
}

function keyOf({ subscription, result }: Decoded): unknown {
  return subscription ?? result;
}

function isKey(key: unknown): key is SubscriptionKey {
  return typeof key === 'number' || (typeof key === 'string' && key.length <= LONGEST_KEY);
}

function getOrSet<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}
