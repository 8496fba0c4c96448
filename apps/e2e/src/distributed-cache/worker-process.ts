import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Batch, FromWorker, Target, ToWorker, WorkerPlan } from './messages.ts';

const PROGRAM = fileURLToPath(new URL('worker.ts', import.meta.url));

export interface WorkerHooks {
  /** The worker asks the origin. */
  readonly load: (key: number) => Promise<number>;
  readonly onBatch: (batch: Batch) => void;
  /** It ended though nobody ended it. */
  readonly onCrash: (reason: string) => void;
}

interface Call {
  readonly resolve: (at: number) => void;
  readonly reject: (error: Error) => void;
}

/** A worker, as the process that drives it sees it. */
export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #hooks: WorkerHooks;
  readonly #calls = new Map<number, Call>();
  #lastCall = 0;
  #isKilled = false;

  private constructor(child: ChildProcess, hooks: WorkerHooks) {
    this.#child = child;
    this.#hooks = hooks;
    child.on('message', (message: FromWorker) => this.#receive(message));
    child.once('exit', (code, signal) => {
      const error = new Error(`the worker ended with ${code ?? signal}`);
      if (!this.#isKilled) hooks.onCrash(error.message);
      for (const { reject } of this.#calls.values()) reject(error);
      this.#calls.clear();
    });
  }

  static async start(plan: WorkerPlan, hooks: WorkerHooks): Promise<WorkerProcess> {
    const child = fork(PROGRAM, [JSON.stringify(plan)], {
      execArgv: ['--conditions=@forge/source'],
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const worker = new WorkerProcess(child, hooks);
    // The first thing that it says is that it is ready.
    await Promise.race([once(child, 'message'), once(child, 'exit')]);
    if (!worker.isAlive) throw new Error('Cannot start a worker: it ended at once');
    return worker;
  }

  get isAlive(): boolean {
    return !this.#isKilled && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Resolves with the moment in which the worker was told that it is done. */
  invalidate(target: Target): Promise<number> {
    return this.#call((call) => ({ kind: 'invalidate', call, target }));
  }

  readAll(): Promise<number> {
    return this.#call((call) => ({ kind: 'readAll', call }));
  }

  /** As `kill -9`. */
  async kill(): Promise<void> {
    if (!this.isAlive) return;
    this.#isKilled = true;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exit;
  }

  #call(message: (call: number) => ToWorker): Promise<number> {
    if (!this.isAlive) return Promise.reject(new Error('the worker has ended'));
    const call = ++this.#lastCall;
    return new Promise((resolve, reject) => {
      this.#calls.set(call, { resolve, reject });
      this.#send(message(call));
    });
  }

  #receive(message: FromWorker): void {
    if (message.kind === 'batch') return this.#hooks.onBatch(message);
    if (message.kind === 'load') return void this.#load(message.call, message.key);
    if (message.kind === 'ready') return;
    const call = this.#calls.get(message.call);
    this.#calls.delete(message.call);
    if (message.error === undefined) call?.resolve(message.at);
    else call?.reject(new Error(message.error));
  }

  async #load(call: number, key: number): Promise<void> {
    const version = await this.#hooks.load(key);
    this.#send({ kind: 'loaded', call, version });
  }

  #send(message: ToWorker): void {
    if (this.isAlive && this.#child.connected) this.#child.send(message, () => {});
  }
}
