import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

/** How a server is started, and how it says that it is there. */
export interface ServerCommand {
  readonly program: string;
  readonly args: readonly string[];
  /** Of what it writes to stdout or stderr. */
  readonly ready: string | RegExp;
  /** Whom it runs as, for one that refuses to be root; ignored unless this process is root. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/** One life of a server that a test started; it ends with the test's process at the latest. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #onExit = (): void => void this.#child.kill('SIGKILL');

  private constructor(child: ChildProcess) {
    this.#child = child;
    process.on('exit', this.#onExit);
  }

  /** @throws Error with what the server said last, if it ends before it is ready */
  static async start({ program, args, ready, user, env, cwd }: ServerCommand): Promise<ServerProcess> {
    const as = process.getuid?.() === 0 ? user : undefined;
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], ...as, env, cwd });
    const server = new ServerProcess(child);
    await new Promise<void>((resolve, reject) => {
      let said = '';
      const hear = (text: string): void => {
        said = `${said}${text}`.slice(-10_000);
        if (said.search(ready) !== -1) resolve();
      };
      child.stdout.setEncoding('utf8').on('data', hear);
      child.stderr.setEncoding('utf8').on('data', hear);
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        process.off('exit', server.#onExit);
        reject(new Error(`Cannot use ${program}: it ended with ${code ?? signal}\n${said}`));
      });
    });
    return server;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Ends it with the signal, and waits until it has ended: `SIGKILL` is a crash. */
  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill(signal);
    // One that is frozen hears nothing else.
    this.#child.kill('SIGCONT');
    await exit;
  }

  /** Stops it without ending it, as on a machine that hangs: what connects is accepted, and nothing answers. */
  freeze(): void {
    this.#child.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child.kill('SIGCONT');
  }
}

/** Counted up, so that two who look at the same time do not find the same. */
let nextPort = 10_000 + Math.floor(crypto.getRandomValues(new Uint16Array(1))[0]! / 4);

/**
 * A port of the loopback that is free now: below 32768, where Linux begins to give ports to outgoing connections, one of
 * which could take it between two lives of a server.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const probe = createServer();
    try {
      await once(probe.listen(nextPort++, '127.0.0.1'), 'listening');
    } catch {
      continue;
    }
    const { port } = probe.address() as AddressInfo;
    probe.close();
    await once(probe, 'close');
    return port;
  }
}
