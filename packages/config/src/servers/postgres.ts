import { execFile } from 'node:child_process';
import { chownSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { chown, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram } from '../programs.ts';
import { freePort, ServerProcess } from './server-process.ts';

const server = findProgram('postgres');
const initdb = findProgram('initdb');

/** For `describe.skipIf` and its name. */
export const postgresIsMissing: boolean = server.path === undefined || initdb.path === undefined;
export const postgresHint: string = server.hint || initdb.hint;

/** How the server is set up, beyond what makes it quick and local. */
export interface PostgresOptions {
  /** Of postgresql.conf. */
  readonly settings?: Readonly<Record<string, string | number>>;
  /** Turns TLS on; PEM. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Lines of pg_hba.conf that stand before "everybody may". */
  readonly access?: readonly string[];
}

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  // What it holds dies with it.
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  shared_buffers: '16MB',
  max_wal_size: '64MB',
};

/** A PostgreSQL of the test's own, with user and database `postgres` and no password, on a port that it keeps over its lives. */
export class PostgresProcess {
  readonly port: number;
  readonly #folder: string;
  readonly #user: { readonly uid: number; readonly gid: number } | undefined;
  readonly #onExit = (): void => rmSync(this.#folder, { recursive: true, force: true });
  #process: ServerProcess | undefined;

  private constructor(port: number, folder: string, user: { uid: number; gid: number } | undefined) {
    this.port = port;
    this.#folder = folder;
    this.#user = user;
    process.on('exit', this.#onExit);
  }

  static async start({ settings = {}, tls, access = [] }: PostgresOptions = {}): Promise<PostgresProcess> {
    const folder = await mkdtemp(join(tmpdir(), 'forge-postgres-'));
    const user = process.getuid?.() === 0 ? nobody() : undefined;
    if (user !== undefined) chownSync(folder, user.uid, user.gid);
    const postgres = new PostgresProcess(await freePort(), folder, user);
    const data = join(folder, 'data');
    const args = ['-D', data, '-U', 'postgres', '--auth=trust', '--encoding=UTF8', '--locale=C'];
    await promisify(execFile)(initdb.path!, [...args, '--no-sync', '--no-instructions'], { cwd: folder, ...user });
    const secure = tls === undefined ? {} : { ssl: 'on', ssl_cert_file: 'server.crt', ssl_key_file: 'server.key' };
    const all = Object.entries({ ...SETTINGS, ...secure, port: postgres.port, ...settings });
    await writeFile(join(data, 'postgresql.conf'), all.map(([name, value]) => `${name} = '${value}'\n`).join(''));
    const everybody = ['local all all trust', 'host all all 127.0.0.1/32 trust'];
    await writeFile(join(data, 'pg_hba.conf'), [...access, ...everybody, ''].join('\n'));
    if (tls !== undefined) await postgres.#keep(join(data, 'server.crt'), tls.cert);
    if (tls !== undefined) await postgres.#keep(join(data, 'server.key'), tls.key);
    await postgres.restart();
    return postgres;
  }

  /** What programs that speak to PostgreSQL read. */
  get env(): {
    readonly PGHOST: string;
    readonly PGPORT: string;
    readonly PGUSER: string;
    readonly PGDATABASE: string;
  } {
    return { PGHOST: '127.0.0.1', PGPORT: String(this.port), PGUSER: 'postgres', PGDATABASE: 'postgres' };
  }

  /** Starts it again with what it had, after {@link end}, or for the first time. */
  async restart(): Promise<void> {
    this.#process = await ServerProcess.start({
      program: server.path!,
      args: ['-D', join(this.#folder, 'data')],
      ready: 'ready to accept connections',
      user: this.#user,
    });
  }

  /** As `pg_ctl stop`: sessions are told and cut off. */
  async end(): Promise<void> {
    this.thaw();
    await this.#over('SIGINT');
  }

  /** As a crash of the machine: nobody is told anything. */
  async kill(): Promise<void> {
    const [, ...others] = this.#pids();
    for (const pid of others) signal(pid, 'SIGKILL');
    await this.#over('SIGKILL');
  }

  /** Stops all of it without ending it: sessions stay open and silent, and what connects is accepted and gets no answer. */
  freeze(): void {
    for (const pid of this.#pids()) signal(pid, 'SIGSTOP');
  }

  thaw(): void {
    for (const pid of this.#pids()) signal(pid, 'SIGCONT');
  }

  /** Ends it and removes what it had. */
  async stop(): Promise<void> {
    await this.end();
    process.off('exit', this.#onExit);
    this.#onExit();
  }

  /** Its main process and then those of the sessions and helpers. */
  #pids(): number[] {
    const main = this.#process?.pid;
    if (main === undefined) return [];
    const parents = readdirSync('/proc').flatMap((name) =>
      /^\d+$/.test(name) ? [[Number(name), parentOf(name)]] : [],
    );
    return [main, ...parents.flatMap(([pid, parent]) => (parent === main ? [pid!] : []))];
  }

  async #over(how: NodeJS.Signals): Promise<void> {
    await this.#process?.end(how);
    this.#process = undefined;
  }

  async #keep(file: string, text: string): Promise<void> {
    await writeFile(file, text, { mode: 0o600 });
    if (this.#user !== undefined) await chown(file, this.#user.uid, this.#user.gid);
  }
}

/** PostgreSQL refuses to be root: whoever owns nothing will do. */
function nobody(): { uid: number; gid: number } {
  const [, , uid = '65534', gid = '65534'] =
    /^nobody:.*$/m.exec(readFileSync('/etc/passwd', 'utf8'))?.[0].split(':') ?? [];
  return { uid: Number(uid), gid: Number(gid) };
}

function parentOf(pid: string): number {
  try {
    // The name of the program, in brackets, may hold anything.
    return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')[1]);
  } catch {
    return 0;
  }
}

/** One that has just ended needs none. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
