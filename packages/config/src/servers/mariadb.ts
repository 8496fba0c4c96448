import { execFile } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram } from '../programs.ts';
import { freePort, ServerProcess } from './server-process.ts';

const server = findProgram('mariadbd');
const installer = findProgram('mariadb-install-db');

/** Whether tests that need a MariaDB have to be skipped. */
export const mariadbIsMissing: boolean = server.path === undefined || installer.path === undefined;

/** For the name of a test that is skipped without a MariaDB; empty where there is one. */
export const mariadbHint: string = server.hint === '' ? installer.hint : server.hint;

const PASSWORD = 'secret';

/** The server reads its own accounts from the first statement on; `app` may do all in its database and nothing else. */
const ACCOUNTS = `
FLUSH PRIVILEGES;
CREATE DATABASE app;
CREATE USER 'admin'@'%' IDENTIFIED BY '${PASSWORD}';
GRANT ALL ON *.* TO 'admin'@'%' WITH GRANT OPTION;
CREATE USER 'app'@'%' IDENTIFIED BY '${PASSWORD}';
GRANT ALL ON app.* TO 'app'@'%';
`;

/** A test needs its data for seconds, so nothing waits for a disk and nothing is larger than it must be. */
const SMALL = [
  '--innodb-log-file-size=4M',
  '--innodb-buffer-pool-size=16M',
  '--innodb-flush-log-at-trx-commit=0',
  '--skip-innodb-doublewrite',
  '--skip-log-bin',
  '--performance-schema=off',
  '--skip-name-resolve',
];

export interface MariadbAccount {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/**
 * A MariaDB of one's own, on a port of the loopback that it keeps over restarts. Its data lie in a temporary folder, which
 * goes with the process of the test at the latest.
 *
 * @example
 * const mariadb = await MariadbProcess.start();
 * const connection = await createConnection(mariadb.account);
 * await mariadb.kill();
 */
export class MariadbProcess {
  readonly port: number;
  readonly #folder: string;
  readonly #args: readonly string[];
  #process: ServerProcess | undefined;
  readonly #onExit = (): void => rmSync(this.#folder, { recursive: true, force: true });

  private constructor(folder: string, port: number, args: readonly string[]) {
    this.port = port;
    this.#folder = folder;
    this.#args = args;
    process.on('exit', this.#onExit);
  }

  /** @param args further arguments of mariadbd, such as `--max-connections=5` */
  static async start(args: readonly string[] = []): Promise<MariadbProcess> {
    const folder = mkdtempSync(join(tmpdir(), 'forge-mariadb-'));
    const mariadb = new MariadbProcess(folder, await freePort(), args);
    try {
      await mariadb.#install();
      await mariadb.#run();
      return mariadb;
    } catch (error) {
      await mariadb.stop();
      throw error;
    }
  }

  /** Who may do all in the database `app`, and is held by `read_only`. */
  get account(): MariadbAccount {
    return { host: '127.0.0.1', port: this.port, user: 'app', password: PASSWORD, database: 'app' };
  }

  /** Who may do everything. */
  get admin(): MariadbAccount {
    return { ...this.account, user: 'admin' };
  }

  /** Ends it and removes its data. */
  async stop(): Promise<void> {
    await this.#process?.end('SIGKILL');
    this.#onExit();
    process.off('exit', this.#onExit);
  }

  /** Ends it as a crash does; `restart` brings it back. */
  async kill(): Promise<void> {
    await this.#process?.end('SIGKILL');
  }

  /** Ends it in order, if it runs, and starts it again with the same data. */
  async restart(): Promise<void> {
    await this.#process?.end('SIGTERM');
    await this.#run();
  }

  /** Stops it without ending it: the system accepts what connects, and nothing answers. */
  freeze(): void {
    this.#process?.freeze();
  }

  thaw(): void {
    this.#process?.thaw();
  }

  async #install(): Promise<void> {
    const accounts = join(this.#folder, 'accounts.sql');
    writeFileSync(accounts, ACCOUNTS);
    const user = owner();
    if (user !== undefined) chownSync(this.#folder, user.uid, user.gid);
    await promisify(execFile)(
      installer.path!,
      ['--no-defaults', ...this.#data(), ...SMALL, '--skip-test-db', `--extra-file=${accounts}`],
      { ...user, cwd: this.#folder, timeout: 30_000 },
    );
  }

  async #run(): Promise<void> {
    const files = ['socket', 'pid-file'].map((name) => `--${name}=${join(this.#folder, name)}`);
    this.#process = await ServerProcess.start({
      program: server.path!,
      args: [
        '--no-defaults',
        ...this.#data(),
        ...SMALL,
        ...files,
        '--bind-address=127.0.0.1',
        `--port=${this.port}`,
        ...this.#args,
      ],
      ready: 'ready for connections',
      user: owner(),
    });
  }

  /** Temporary tables too: those of two servers may have the same name. */
  #data(): string[] {
    return [`--datadir=${join(this.#folder, 'data')}`, `--tmpdir=${this.#folder}`];
  }
}

/** The server refuses to be root; Debian's `nobody` will do. */
const NOBODY = { uid: 65_534, gid: 65_534 };

function owner(): { uid: number; gid: number } | undefined {
  return process.getuid?.() === 0 ? NOBODY : undefined;
}
