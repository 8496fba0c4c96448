import { randomUUID } from 'node:crypto';
import { MemoryCache } from '@forge/cache';

/** A legacy client's session: it has no state but what may be under way. */
export interface LegacySession {
  readonly protocolVersion: string;
  /** By the raw JSON of the request's id. */
  readonly underWay: Map<string, AbortController>;
}

/** The sessions of legacy clients; beyond the bound the one that was used longest ago ends, and its client starts anew. */
export class LegacySessions {
  readonly #sessions: MemoryCache<LegacySession>;

  constructor(maxSessions: number) {
    this.#sessions = new MemoryCache<LegacySession>({ maxSize: maxSessions });
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** @returns the new session's id */
  open(protocolVersion: string): string {
    const id = randomUUID();
    this.#sessions.set(id, { protocolVersion, underWay: new Map() });
    return id;
  }

  get(id: string): LegacySession | undefined {
    return this.#sessions.get(id);
  }

  /** Ends a session and what it has under way; false where there is none. */
  end(id: string): boolean {
    const session = this.#sessions.peek(id);
    if (session === undefined) return false;
    for (const controller of session.underWay.values()) controller.abort(new Error('The client ended its session'));
    return this.#sessions.delete(id);
  }
}
