import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram } from '@forge/config/programs';
import { freePort, ServerProcess } from '@forge/config/server-process';
import { createClient } from 'redis';

const program = findProgram('redis-server');

/** Whether there is none on this machine, and what the name of a skipped test says then. */
export const redisIsMissing: boolean = program.path === undefined;
export const redisHint: string = program.hint;

/** A Redis of one's own, on a port that stays its own through all its lives; it keeps nothing but by {@link save}. */
export class RedisProcess {
  readonly port: number;
  readonly #folder: string;
  #process: ServerProcess | undefined;

  private constructor(port: number, folder: string) {
    this.port = port;
    this.#folder = folder;
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
    this.#process = await ServerProcess.start({
      program: program.path!,
      args,
      ready: 'Ready to accept connections',
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
    await this.#process?.end('SIGKILL');
  }

  /** Stops it without ending it, as on a machine that hangs. */
  freeze(): void {
    this.#process?.freeze();
  }

  thaw(): void {
    this.#process?.thaw();
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
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
