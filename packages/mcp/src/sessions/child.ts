import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { UpstreamError } from './errors.ts';

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

const STDERR_TAIL = 4096;

/**
 * A child process in a process group of its own, without a shell, so that ending it ends what it started too (a launcher
 * such as `npx` leaves its server behind when only the launcher is killed).
 */
export class Child {
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #exited: Promise<void>;
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
    this.#process.stdout.setEncoding('utf8');
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
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Resolves once, when the process has ended or could not be started. */
  get exited(): Promise<void> {
    return this.#exited;
  }

  get output(): Readable {
    return this.#process.stdout;
  }

  write(line: string): void {
    this.#process.stdin.write(`${line}\n`);
  }

  /** Why the process is gone, with its last words, for the error of whoever waited for it. */
  failure(doing: string): UpstreamError {
    const started = this.#process.pid !== undefined;
    const words = this.#stderr.trim();
    const reason = this.#end ?? 'closed';
    return new UpstreamError(
      started ? 'MCP_CONNECTION_CLOSED' : 'MCP_SPAWN_FAILED',
      started
        ? `The upstream process ended (${reason}) ${doing}${words === '' ? '' : `; its last words: ${words}`}`
        : `Cannot start the upstream process: ${reason}`,
    );
  }

  /** Closes its input, waits, then SIGTERM, waits, then SIGKILL, to the whole group. Idempotent. */
  end(): Promise<void> {
    this.#ending ??= this.#endGroup();
    return this.#ending;
  }

  async #endGroup(): Promise<void> {
    if (this.#process.pid === undefined) return;
    this.#process.stdin.end();
    if (!(await this.#exitsWithin(GRACE))) {
      this.#signal('SIGTERM');
      if (!(await this.#exitsWithin(GRACE))) this.#signal('SIGKILL');
    }
    await this.#exited;
    this.#signal('SIGKILL');
    this.#process.stdout.destroy();
    this.#process.stderr.destroy();
  }

  async #exitsWithin(grace: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(resolve, grace, false);
    });
    const inTime = await Promise.race([this.#exited.then(() => true), late]);
    clearTimeout(timer);
    return inTime;
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
