import { monotonic } from '@forge/internal';
import { cut, isAtRest, isUsable, type DriverClient, type DriverQuery, type Ready } from './driver.ts';
import { tellsOfOutage } from './errors.ts';

/** After each of these a client is at rest, or of no more use. */
const ENDS = ['drain', 'error', 'end'];

/** One connection: a client, and what the pool knows about it. */
export class Session {
  readonly client: DriverClient;
  /** The client's `query` as pg made it, without the terms that the pool puts on it. */
  readonly query: DriverQuery;
  /** Whether a caller has it. */
  isLeased = false;
  /** Older than `maxLifetimeSeconds`. */
  isExpired = false;
  /** When the server was last heard of. */
  heard: number = monotonic.now();
  /** While a query of it is being cancelled: whoever comes has to wait for the end of that. */
  cancelling: Promise<void> | undefined;
  /** As the server said last: in no transaction, in one, in a failed one. */
  #status: Ready['status'] = 'I';
  #isStandby = false;
  #fault: Error | undefined;
  #evict: ((error?: Error) => void) | undefined;
  readonly #onIdleError: (error: Error, session: Session) => void;

  /** Before the client connects, so that it hears of everything before the client's own users do. */
  constructor(client: DriverClient, onIdleError: (error: Error, session: Session) => void) {
    this.client = client;
    const { query } = client;
    this.query = (...args) => query.apply(client, args);
    this.#onIdleError = onIdleError;
    client.on('error', (error: Error) => this.#fail(error));
    client.on('end', () => this.#fail());
    client.connection?.on('readyForQuery', ({ status }: Ready) => {
      this.#status = status;
      this.heard = monotonic.now();
    });
    client.connection?.on('errorMessage', (error: Error) => {
      if (tellsOfOutage(error, this.#isStandby)) this.#fail(error);
    });
    client.connection?.on('parameterStatus', ({ parameterName, parameterValue }: Parameter) => {
      const isReadOnly = parameterName === 'in_hot_standby' || parameterName === 'default_transaction_read_only';
      // From the start: a server that becomes a standby is what a failover is.
      if (isReadOnly && parameterValue === 'on' && this.#evict === undefined) this.#isStandby = true;
    });
  }

  get isUsable(): boolean {
    return this.#fault === undefined && isUsable(this.client);
  }

  get isAtRest(): boolean {
    return this.cancelling === undefined && isAtRest(this.client);
  }

  get isInTransaction(): boolean {
    return this.#status !== 'I';
  }

  /** Calls `evict` once it is of no more use, which may have happened already. */
  onClosed(evict: (error?: Error) => void): void {
    this.#evict = evict;
    if (!this.isUsable) evict(this.#fault);
  }

  /** Takes it out of the pool, as soon as nobody has it. */
  evict(): void {
    this.#evict?.();
  }

  /** Resolves when callers may have it: nothing is sent, queued, awaited or being cancelled. Or when it is dead. */
  async rest(): Promise<void> {
    while (!this.isAtRest && this.isUsable) await (this.cancelling ?? this.drained());
  }

  /** Resolves when nothing is sent, queued or awaited, or it is dead. */
  drained(): Promise<void> {
    if (isAtRest(this.client) || !this.isUsable) return Promise.resolve();
    const { client } = this;
    return new Promise((resolve) => {
      const done = (): void => {
        for (const name of ENDS) client.off(name, done);
        resolve();
      };
      for (const name of ENDS) client.on(name, done);
    });
  }

  /** Runs a statement of the pool's own. */
  run(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.query(text, undefined, (error?: Error | null) => (error ? reject(error) : resolve()));
    });
  }

  /** For when the server is not answering. */
  cut(): void {
    cut(this.client);
  }

  #fail(error?: Error): void {
    const isFirst = this.#fault === undefined;
    this.#fault ??= error ?? new Error('Connection terminated');
    this.#evict?.(error);
    if (isFirst && error !== undefined && !this.isLeased && this.#evict !== undefined) this.#onIdleError(error, this);
  }
}

interface Parameter {
  readonly parameterName: string;
  readonly parameterValue: string;
}
