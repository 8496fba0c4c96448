import { accessSync, constants, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A program of the system that tests start, and the Debian package that brings it. */
const PACKAGES = {
  chromium: 'chromium',
  initdb: 'postgresql',
  'mariadb-install-db': 'mariadb-server',
  mariadbd: 'mariadb-server',
  postgres: 'postgresql',
  'redis-server': 'redis-server',
} as const;

/** Where Debian keeps servers that are not for everybody's PATH; versions of PostgreSQL stand in folders of their own. */
const SERVER_FOLDERS = ['/usr/sbin', ...versions('/usr/lib/postgresql').map((version) => join(version, 'bin'))];

export interface FoundProgram {
  /** Undefined where it is not installed: its tests are then to be skipped under this hint. */
  readonly path: string | undefined;
  /** For the name of a skipped test; empty where the program was found. */
  readonly hint: string;
}

/**
 * Looks for a program on PATH, then where Debian keeps servers.
 *
 * @throws Error where it is missing and `CI` is true: CI installs them all, so a skip there would hide something
 */
export function findProgram(name: keyof typeof PACKAGES, environment: NodeJS.ProcessEnv = process.env): FoundProgram {
  const folders = [...(environment['PATH'] ?? '').split(delimiter), ...SERVER_FOLDERS];
  const path = folders.map((folder) => join(folder, name)).find(isExecutable);
  const hint = path === undefined ? ` (skipped: ${name} is missing; apt-get install ${PACKAGES[name]})` : '';
  if (path === undefined && environment['CI'] === 'true') throw new Error(`Cannot run the tests in CI:${hint}`);
  return { path, hint };
}

/** The newest first. */
function versions(folder: string): string[] {
  try {
    const names = readdirSync(folder).toSorted((a, b) => Number(b) - Number(a));
    return names.map((name) => join(folder, name));
  } catch {
    return [];
  }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
