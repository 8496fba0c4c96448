import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { UpstreamError } from './errors.ts';
import { pause } from './pause.ts';

export interface ChildOptions {
  readonly command: string;
  readonly args?: readonly string[] | undefined;
  /** Added to the allow-listed part of this process's environment. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly cwd?: string | undefined;
}

/** What a child gets of this process's environment: enough to find programs and a home, and no secret of ours. */
const INHERITED = ['HOME', 'LANG', 'LC_ALL', 'LOGNAME', 'PATH', 'SHELL', 'TERM', 'TMPDIR', 'TZ', 'USER'] as const;
const INHERITED_ON_WINDOWS = [
  'APPDATA',
  'COMSPEC',
  'LOCALAPPDATA',
  'PATHEXT',
  'SYSTEMROOT',
  'TEMP',
  'USERPROFILE',
] as const;

/** How long a child has to end after its standard input closed, and again after SIGTERM. */
const GRACE = 1000;

/** How long a pipe of a process that has ended by itself is still read: what it left there comes at once, a grandchild may hold it open. */
const DRAIN = 250;

/** Bytes that may wait for the child to read them. */
const MAX_UNREAD = 16 * 1024 * 1024;

const STDERR_TAIL = 4096;

/**
 * A child process in a process group of its own, without a shell, so that ending it ends what it started too (a launcher
 * such as `npx` leaves its server behind when only the launcher is killed).
 */
export class Child {
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #exited: Promise<void>;
  readonly #drained: Promise<void>;
  #stderr = '';
  #ending: Promise<void> | undefined;
  #end: string | undefined;

  constructor(options: ChildOptions) {
    this.#process = spawn(options.command, options.args ?? [], {
      cwd: options.cwd,
      env: { ...inheritedEnvironment(), ...options.env },
      detached: process.platform !== 'win32',
      stdio: ['pipe', 'pipe', 'pipe'],
      windowsHide: true,
    });
    this.#process.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_TAIL);
    });
    // A write to a child that has just died is told by its exit.
    this.#process.stdin.on('error', () => {});
    this.#exited = new Promise((resolve) => {
      // `exit`, not `close`: a grandchild that holds the pipes must not delay the news.
      this.#process.once('exit', (code, signal) => {
        this.#end ??= signal === null ? `exit code ${code}` : `signal ${signal}`;
        resolve();
      });
      this.#process.once('error', (error) => {
        this.#end ??= error.message;
        resolve();
      });
    });
    const closed = new Promise<void>((resolve) => {
      this.#process.once('close', () => {
        resolve();
      });
    });
    this.#drained = this.#exited.then(async () => {
      if (this.#process.pid !== undefined) await within(DRAIN, closed);
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Resolves once, when the process has ended or could not be started. */
  get exited(): Promise<void> {
    return this.#exited;
  }

  /** Resolves when, after its end, the last of its output has been read too, or does not come soon. */
  get drained(): Promise<void> {
    return this.#drained;
  }

  get output(): Readable {
    return this.#process.stdout;
  }

  /** @returns false where the line was not taken, because the child leaves too much unread */
  write(line: string): boolean {
    if (this.#process.stdin.writableLength > MAX_UNREAD) return false;
    this.#process.stdin.write(`${line}\n`);
    return true;
  }

  /** Why the process is gone, for the error of whoever waited for it. */
  failure(doing: string): UpstreamError {
    const reason = this.#end ?? 'closed';
    if (this.#process.pid === undefined) {
      return new UpstreamError('MCP_SPAWN_FAILED', `Cannot start the upstream process: ${reason}`);
    }
    const lastWords = this.#stderr.trim();
    return new UpstreamError('MCP_CONNECTION_CLOSED', `The upstream process ended (${reason}) ${doing}`, {
      ...(lastWords !== '' && { lastWords }),
    });
  }

  /** Takes nothing more from it and ends it without warning; {@link Child.end} still says when nothing of it is left. */
  kill(): void {
    this.#process.stdout.destroy();
    this.#signal('SIGKILL');
  }

  /** Closes its input, waits, then SIGTERM, waits, then SIGKILL, to the whole group. Idempotent. */
  end(): Promise<void> {
    this.#ending ??= this.#endGroup();
    return this.#ending;
  }

  async #endGroup(): Promise<void> {
    if (this.#process.pid === undefined) return;
    if (this.#end === undefined) await this.#stop();
    else await this.#drained;
    this.#signal('SIGKILL');
    this.#process.stdout.destroy();
    this.#process.stderr.destroy();
  }

  async #stop(): Promise<void> {
    this.#process.stdin.end();
    if (!(await within(GRACE, this.#exited))) {
      this.#signal('SIGTERM');
      if (!(await within(GRACE, this.#exited))) this.#signal('SIGKILL');
    }
    await this.#exited;
  }

  #signal(signal: NodeJS.Signals): void {
    const { pid } = this.#process;
    if (pid === undefined) return;
    try {
      if (process.platform === 'win32') this.#process.kill(signal);
      else process.kill(-pid, signal);
    } catch {
      // ESRCH: nobody is left in the group.
    }
  }
}

function inheritedEnvironment(): Record<string, string> {
  const names = process.platform === 'win32' ? [...INHERITED, ...INHERITED_ON_WINDOWS] : INHERITED;
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}

/** Whether `event` happens in that many ms. */
async function within(delay: number, event: Promise<void>): Promise<boolean> {
  const controller = new AbortController();
  const late = pause(delay, controller.signal).then(() => false);
  const inTime = await Promise.race([event.then(() => true), late]);
  controller.abort();
  return inTime;
}
