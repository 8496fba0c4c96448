import { AbortWatch, List } from '@forge/internal';
import { KeyMap } from '../../memory/key-map.ts';
import { dependenciesOf, dependencyTag } from '../entries/dependents.ts';
import { Flight, type Caller } from './flight.ts';
import { InvalidationLog, type Sequence } from '../entries/invalidation-log.ts';

/** An invalidation of keys that are known only by a test. */
interface KeyFence {
  readonly sequence: Sequence;
  matches(key: string): boolean;
}

/** Tests that a load which names what it depends on is asked for at its end. */
const MOST_KEY_FENCES = 16;

/**
 * The loads under way, and the write fence: an invalidation marks every load that it concerns, and what a marked load
 * brings is never stored.
 *
 * A load may learn its tags, and what it depends on, only from what it loaded. So what is invalidated while any load runs
 * is logged, and a load that began before one of its tags was invalidated is as good as marked.
 */
export class Flights<V> {
  /** The load that a caller of the key joins. */
  readonly #joinable = new KeyMap<Flight<V>>();
  /** By key, what is under way and nobody joins: reads of the second tier, and writes to it. */
  readonly #watched = new Map<string, Set<Flight<V>>>();
  /** Everything that has not ended, marked or not. */
  readonly #running = new List<Flight<V>>();
  readonly #tagged = new Map<string, Set<Flight<V>>>();
  readonly #log = new InvalidationLog();
  #keyFences: KeyFence[] = [];
  /** Loads that began before may have read what was withdrawn then, if they depend on anything. */
  #dependentsSealed: Sequence = 0;
  /** Loads that began before may have read what was invalidated then without a word: who asks later joins none of them. */
  #suspectedAt: Sequence = 0;
  readonly #watch = new AbortWatch<Caller<V>>((caller, reason) => caller.flight.leave(caller, reason));
  readonly #onAbandoned = (flight: Flight<V>): void => this.end(flight);
  #sequence: Sequence = 1;
  #onIdle: (() => void) | undefined;

  get pending(): number {
    return this.#running.size;
  }

  /** The place of the latest invalidation. */
  get sequence(): Sequence {
    return this.#sequence;
  }

  /** The load that a caller with these tags shares; one that is older than an invalidation of their tags, or a doubt, is marked. */
  joinable(key: string, tags: readonly string[]): Flight<V> | undefined {
    const flight = this.#joinable.get(key);
    if (flight === undefined) return undefined;
    const isSuspect = flight.begun < this.#suspectedAt;
    if (isSuspect || !this.mayStore(flight, flight.tags) || !this.mayStore(flight, tags)) {
      this.#fence(flight);
      return undefined;
    }
    // Those who wait already came before what took it; this caller does not.
    if (flight.fallback !== undefined && !this.mayStore(flight, flight.fallback.tags)) flight.fallback = undefined;
    return flight;
  }

  /** No load of the key may be joinable. */
  begin(key: string): Flight<V> {
    const flight = this.#start(key);
    flight.isJoinable = true;
    this.#joinable.set(key, flight);
    return flight;
  }

  /** An invalidation of any of the tags concerns the flight from now on. */
  addTags(flight: Flight<V>, tags: readonly string[]): void {
    for (const tag of tags) {
      flight.addTag(tag);
      add(this.#tagged, tag, flight);
    }
  }

  /** Whatever the flight brings, it begins to read it only now; what was invalidated before takes its fallback alone. */
  restart(flight: Flight<V>): void {
    if (!this.mayStore(flight, flight.fallback?.tags ?? [])) flight.fallback = undefined;
    flight.isFenced = false;
    flight.begun = this.#sequence;
  }

  /** A fence alone, for what is under way and nobody joins. */
  watch(key: string): Flight<V> {
    const flight = this.#start(key);
    add(this.#watched, key, flight);
    return flight;
  }

  /** Whether what the flight brings may be stored under these tags. */
  mayStore(flight: Flight<V>, tags: Iterable<string>): boolean {
    if (flight.isFenced || !this.isRunning(flight)) return false;
    // As it mostly is: nothing was invalidated since.
    if (flight.begun === this.#sequence) return true;
    return this.#log.since(flight.begun, tags) === undefined && !this.#dependsOnWithdrawn(flight, tags);
  }

  /** Not once it has ended, been abandoned or run out of time. */
  isRunning(flight: Flight<V>): boolean {
    return flight.list !== undefined;
  }

  /** Whether a load of the key runs that a caller would join. */
  isLoading(key: string): boolean {
    return this.#joinable.get(key) !== undefined;
  }

  /** Whether anything is under way for the key. */
  concerns(key: string): boolean {
    return this.#joinable.get(key) !== undefined || this.#watched.has(key);
  }

  /** Nobody joins it from now on. */
  conclude(flight: Flight<V>): void {
    if (!flight.isJoinable) return;
    flight.isJoinable = false;
    this.#joinable.delete(flight.key);
  }

  /** Does nothing for one that has ended. */
  end(flight: Flight<V>): void {
    if (!this.isRunning(flight)) return;
    this.#running.remove(flight);
    this.conclude(flight);
    if (this.#watched.size > 0) remove(this.#watched, flight.key, flight);
    for (const tag of flight.tags) remove(this.#tagged, tag, flight);
    flight.end();
    if (this.#running.size > 0) return;
    if (!this.#log.isEmpty) this.#log.clear();
    if (this.#keyFences.length > 0) this.#keyFences = [];
    this.#onIdle?.();
  }

  fenceKey(key: string): void {
    this.#sequence++;
    this.#fence(this.#joinable.get(key));
    for (const watched of this.#watched.get(key) ?? []) this.#fence(watched);
  }

  /** @param sequence loads that began at this place or later are not concerned */
  fenceTag(tag: string, sequence: Sequence = ++this.#sequence): void {
    if (this.#running.size === 0) return;
    this.#log.add(tag, { sequence, at: 0 });
    for (const flight of this.#tagged.get(tag) ?? []) if (flight.begun < sequence) this.#fence(flight);
  }

  /** Loads of such keys, and of what depends on them. */
  fenceMatching(matches: (key: string) => boolean): void {
    const sequence = ++this.#sequence;
    if (this.#running.size === 0) return;
    for (const flight of this.#running) {
      if (matches(flight.key) || dependenciesOf(flight.tags).some(matches)) this.#fence(flight);
    }
    this.#keyFences.push({ sequence, matches });
    if (this.#keyFences.length > MOST_KEY_FENCES) this.#dependentsSealed = this.#keyFences.shift()!.sequence;
  }

  /** Loads of whatever depends on anything. */
  fenceDependents(): void {
    this.#dependentsSealed = ++this.#sequence;
  }

  fenceAll(): void {
    this.#sequence++;
    for (const flight of this.#running) this.#fence(flight);
  }

  /** Invalidations may have been missed. Returns the place after everything that runs or is held now. */
  suspect(): Sequence {
    return (this.#suspectedAt = this.advance());
  }

  /** A place after everything that runs or is held now. */
  advance(): Sequence {
    return ++this.#sequence;
  }

  /** Whether a load that runs has the tag. */
  hasTag(tag: string): boolean {
    return this.#tagged.size > 0 && this.#tagged.has(tag);
  }

  /** Gives up the loads that nobody waits for. */
  abandonUnawaited(reason: unknown): void {
    // Who ends leaves the list, which could not be walked any further from there.
    for (const flight of Array.from(this.#running)) {
      if (flight.isAwaited || this.#watched.get(flight.key)?.has(flight) === true) continue;
      this.end(flight);
      flight.abort(reason);
    }
  }

  /** Resolves when nothing runs any more. */
  idle(): Promise<void> {
    if (this.#running.size === 0) return Promise.resolve();
    return new Promise((resolve) => (this.#onIdle = resolve));
  }

  #start(key: string): Flight<V> {
    const flight = new Flight<V>(key, this.#sequence, this.#watch, this.#onAbandoned);
    this.#running.push(flight);
    return flight;
  }

  /** And whatever is being made from what it will bring. */
  #fence(flight: Flight<V> | undefined): void {
    if (flight === undefined || flight.isFenced) return;
    flight.isFenced = true;
    this.conclude(flight);
    this.fenceTag(dependencyTag(flight.key));
  }

  /** Whether something that the flight depends on has been withdrawn since it began. */
  #dependsOnWithdrawn({ begun }: Flight<V>, tags: Iterable<string>): boolean {
    if (this.#keyFences.length === 0 && this.#dependentsSealed <= begun) return false;
    const keys = dependenciesOf(tags);
    if (keys.length === 0) return false;
    if (this.#dependentsSealed > begun) return true;
    const fences = this.#keyFences.filter(({ sequence }) => sequence > begun);
    return keys.some((key) => fences.some((fence) => fence.matches(key)));
  }
}

function add<T>(sets: Map<string, Set<T>>, name: string, item: T): void {
  const set = sets.get(name);
  if (set === undefined) sets.set(name, new Set([item]));
  else set.add(item);
}

function remove<T>(sets: Map<string, Set<T>>, name: string, item: T): void {
  const set = sets.get(name);
  if (set?.delete(item) === true && set.size === 0) sets.delete(name);
}
