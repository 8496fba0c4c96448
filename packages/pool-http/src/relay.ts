import { errors, type Dispatcher } from 'undici';

type Headers = NonNullable<Dispatcher.DispatchController['rawHeaders']> | null;
type Controller = Dispatcher.DispatchController;

/** What the pool hears an abort with. */
interface Listener {
  handleEvent(): void;
}

/**
 * The controller that a handler gets for a request that has to wait, so that it can give up at any time: undici's own come
 * when the request is written, and until then nobody listens to an abort. It stands for them one after the other, for a
 * request may come back from a connection that closed.
 *
 * To the pool it is the signal of the wait, as far as that asks for one: a real one with its controller and its listener
 * would cost each request that waits more than all the rest of the wait.
 */
export class Relay implements Controller {
  readonly #owner: { cancel(reason: Error): void };
  #controller: Controller | undefined;
  #isPaused = false;
  #reason: Error | null = null;
  #listener: Listener | undefined;

  /** @param owner is told of an abort for as long as no controller of undici's is there to take it */
  constructor(owner: { cancel(reason: Error): void }) {
    this.#owner = owner;
  }

  /** To be given to the pool. */
  get signal(): AbortSignal {
    return this as unknown as AbortSignal;
  }

  get aborted(): boolean {
    return this.#reason !== null;
  }

  get reason(): Error | null {
    return this.#reason;
  }

  get paused(): boolean {
    return this.#controller?.paused ?? this.#isPaused;
  }

  get rawHeaders(): Headers {
    return this.#controller?.rawHeaders ?? null;
  }

  get rawTrailers(): Headers {
    return this.#controller?.rawTrailers ?? null;
  }

  /** Stands for that controller from now on, or for none. */
  follow(controller: Controller | undefined): void {
    this.#controller = controller;
    if (this.#reason !== null) controller?.abort(this.#reason);
    else if (this.#isPaused) controller?.pause();
  }

  abort(reason: Error = new errors.RequestAbortedError()): void {
    if (this.#reason !== null) return;
    this.#reason = reason;
    if (this.#controller !== undefined) this.#controller.abort(reason);
    else this.#owner.cancel(reason);
  }

  /** Ends the wait, with what the caller is told by somebody else. */
  leave(reason: Error): void {
    this.#reason ??= reason;
    this.#listener?.handleEvent();
  }

  pause(): void {
    this.#isPaused = true;
    this.#controller?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#controller?.resume();
  }

  addEventListener(_type: 'abort', listener: Listener): void {
    this.#listener = listener;
  }

  removeEventListener(): void {
    this.#listener = undefined;
  }
}
