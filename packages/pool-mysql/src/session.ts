import { after } from '@forge/internal';
import { escapeId } from 'mysql2';
import { lossError } from './errors.ts';
import {
  AUTOCOMMIT,
  failStream,
  IN_TRANSACTION,
  runningOn,
  SESSION_CHANGED,
  watchStatus,
  type Command,
  type CoreConnection,
} from './wire.ts';

/** How long the server may take to close a connection that has said goodbye. */
const FAREWELL = 1_000;

/** A connection to the server, and what its users have made of it. */
export class Session {
  readonly core: CoreConnection;
  readonly #resets: boolean;
  readonly #charset: number | undefined;
  #status: number = AUTOCOMMIT;
  #hasFailed = false;
  #hasChanged = false;
  /** Nobody else may have it: its user is another than the pool's, or its server is not the one to write to. */
  isSpoiled = false;
  /** While a statement that nobody waits for any more is being stopped: until then nothing else may be sent. */
  cancelling: Promise<void> | undefined;
  /** Takes it out of the pool. */
  evict: (error?: unknown) => void = () => {};

  /** Its user has left something under way. */
  #isAbandoned = false;

  constructor(core: CoreConnection, resets: boolean) {
    this.core = core;
    this.#resets = resets;
    this.#charset = core.config.charsetNumber;
    watchStatus(core, (status) => {
      this.#hasFailed = status === 'failed';
      if (status === 'failed') return;
      this.#status = status;
      if ((status & SESSION_CHANGED) !== 0) this.#hasChanged = true;
    });
  }

  /** Whether a statement could still reach the server, as far as this side knows. */
  get isAlive(): boolean {
    const { state, stream } = this.core;
    return state === 'authenticated' && stream.writable && !stream.readableEnded;
  }

  /** Whether an answer is under way. */
  get isBusy(): boolean {
    return runningOn(this.core) !== undefined;
  }

  /**
   * Whether a transaction is open, when nothing is under way. A failure says nothing of it; without autocommit a statement
   * that fails may have opened one.
   */
  get isInTransaction(): boolean {
    return (this.#status & IN_TRANSACTION) !== 0 || (this.#hasFailed && (this.#status & AUTOCOMMIT) === 0);
  }

  isRunning(command: Command | undefined): boolean {
    return command !== undefined && runningOn(this.core) === command;
  }

  /** Tells evictions from now on. */
  watch(evict: (error?: unknown) => void): void {
    this.evict = evict;
    let fault: unknown;
    this.core.on('error', (error) => {
      fault ??= error;
      evict(error);
    });
    this.core.once('end', () => evict());
    this.core.stream.once('close', () => {
      // Of a stream that was left behind nobody may hear any more: its error would end the process.
      if (!this.#isAbandoned) failStream(this.core, fault ?? lossError());
      evict();
    });
  }

  ping(): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.core.ping((error) => (error ? reject(error) : resolve(true)));
    });
  }

  /**
   * Ends what its user has left under way, rolls an open transaction back and tells of it, and resets the session if it is
   * to be. Returns undefined when there is nothing to do, which takes no turn.
   */
  clean(abandoned: () => void): Promise<void> | undefined {
    const { isBusy, isInTransaction, cancelling } = this;
    if (!isBusy && !isInTransaction && !this.#resets && cancelling === undefined) return undefined;
    return this.#clean(abandoned);
  }

  async #clean(abandoned: () => void): Promise<void> {
    await this.cancelling;
    // Answers come in order: this one is the last.
    if (this.isBusy) {
      this.#isAbandoned = true;
      await this.ping();
      this.#isAbandoned = false;
    }
    if (this.isInTransaction) {
      abandoned();
      await this.#query('ROLLBACK');
    }
    if (this.#resets) await this.#reset();
  }

  /** COM_RESET_CONNECTION leaves the database as it is, and mysql2 the character set that it writes in. */
  async #reset(): Promise<void> {
    const { core } = this;
    await new Promise<void>((resolve, reject) => core.reset((error) => (error ? reject(error) : resolve())));
    if (!this.#hasChanged) return;
    this.#hasChanged = false;
    if (this.#charset !== undefined) core.config.charsetNumber = this.#charset;
    if (core.config.database) await this.#query(`USE ${escapeId(core.config.database)}`);
    this.#hasChanged = false;
  }

  /** Resolves when all that was sent is answered, and a late KILL QUERY has met a statement that nobody misses. */
  quiet(): Promise<void> {
    return new Promise((resolve) => {
      this.core.query('DO 0', () => resolve());
    });
  }

  /** Ends the connection at once; what waits for an answer gets an error. */
  destroy(): void {
    this.core.stream.destroy();
  }

  /** Says goodbye where the server can hear it, so that it does not count an aborted connection. */
  end(): Promise<void> | undefined {
    if (!this.isAlive || this.isBusy) {
      this.destroy();
      return undefined;
    }
    const { core } = this;
    return new Promise((resolve) => {
      const stop = after(FAREWELL, () => this.destroy(), { unref: true });
      core.stream.once('close', () => {
        stop();
        resolve();
      });
      core.end();
    });
  }

  #query(sql: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.core.query(sql, (error) => (error ? reject(error) : resolve()));
    });
  }
}
