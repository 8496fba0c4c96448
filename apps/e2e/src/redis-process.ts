import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram } from '@forge/config/programs';
import { createClient } from 'redis';

const program = findProgram('redis-server');

/** Whether there is none on this machine, and what the name of a skipped test says then. */
export const redisIsMissing: boolean = program.path === undefined;
export const redisHint: string = program.hint;

/** A Redis of one's own, on a port that stays its own through all its lives; it keeps nothing but by {@link save}. */
export class RedisProcess {
  readonly port: number;
  readonly #folder: string;
  readonly #onExit = (): void => void this.#process?.kill('SIGKILL');
  #process: ChildProcess | undefined;

  private constructor(port: number, folder: string) {
    this.port = port;
    this.#folder = folder;
    process.on('exit', this.#onExit);
  }

  static async start(): Promise<RedisProcess> {
    const redis = new RedisProcess(await freePort(), await mkdtemp(join(tmpdir(), 'forge-faults-')));
    try {
      await redis.restart();
      return redis;
    } catch (error) {
      await redis.stop();
      throw error;
    }
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Starts a new life, with what was last saved. */
  async restart(): Promise<void> {
    const args = ['--port', String(this.port), '--bind', '127.0.0.1', '--save', '', '--dir', this.#folder];
    const child = spawn(program.path!, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#process = child;
    await new Promise<void>((resolve, reject) => {
      let said = '';
      child.once('exit', (code) => reject(new Error(`Cannot use redis-server: it ended with ${code}\n${said}`)));
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        said = `${said}${text}`.slice(-10_000);
        if (said.includes('Ready to accept connections')) resolve();
      });
    });
  }

  /** What it holds now is what its next lives begin with. */
  async save(): Promise<void> {
    await this.#ask('SAVE');
  }

  /** The names that match the glob. */
  async keys(glob: string): Promise<string[]> {
    return (await this.#ask('KEYS', glob)) as string[];
  }

  /** As `kill -9`. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  }

  /** Stops it without ending it, as on a machine that hangs. */
  freeze(): void {
    this.#process?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#process?.kill('SIGCONT');
  }

  async #ask(...command: string[]): Promise<unknown> {
    const client = await createClient({ url: this.url }).connect();
    try {
      return await client.sendCommand(command);
    } finally {
      client.destroy();
    }
  }

  async stop(): Promise<void> {
    process.off('exit', this.#onExit);
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Below 32768, where Linux begins to give ports to outgoing connections: one of those could take it between two lives. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(crypto.getRandomValues(new Uint16Array(1))[0]! / 4);
    const probe = createServer();
    try {
      await once(probe.listen(port, '127.0.0.1'), 'listening');
    } catch {
      continue;
    }
    const { port: free } = probe.address() as AddressInfo;
    probe.close();
    await once(probe, 'close');
    return free;
  }
}
