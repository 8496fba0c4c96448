import { execFile } from 'node:child_process';

export interface RunOptions {
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly timeout?: number;
}

/**
 * What the tools of this run leave in the environment and a command typed by a user would not see. `GIT_DIR`, which git
 * sets for its hooks, would even lead a commit meant for another folder into the work tree's repository.
 */
const OURS = /^(?:NODE_ENV|NODE_OPTIONS|GIT_.*|VITEST.*|TURBO_.*|npm_(?!config_).*)$/;

/** Runs a command to its end and gives what it printed. @throws Error with its command line and output when it fails */
export function run(command: string, args: readonly string[], options: RunOptions): Promise<string> {
  const { cwd, timeout = 120_000 } = options;
  const settings = { cwd, timeout, env: environment(options.env), maxBuffer: 2 ** 26, killSignal: 'SIGKILL' } as const;
  return new Promise((resolve, reject) => {
    const child = execFile(command, args, settings, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout);
      const line = [command, ...args].join(' ');
      reject(
        new Error(`Cannot run ${line} in ${cwd}: ${reason(error, timeout)}\n${stdout}${stderr}`, { cause: error }),
      );
    });
    child.stdin?.end();
  });
}

/** The environment of a command that a user types, with the given variables. */
export function environment(variables: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !OURS.test(name));
  return { ...Object.fromEntries(kept), TURBO_TELEMETRY_DISABLED: '1', ...variables };
}

function reason(error: Error & { code?: unknown; killed?: boolean }, timeout: number): string {
  if (error.code === 'ENOENT') return 'it is not on PATH';
  return error.killed === true ? `not done after ${timeout} ms` : `exit code ${String(error.code)}`;
}
