import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A program of the system that tests start, and the Debian package that brings it. */
const PACKAGES = { chromium: 'chromium', 'redis-server': 'redis-server' } as const;

export interface FoundProgram {
  /** Undefined where it is not installed: its tests are then to be skipped under this hint. */
  readonly path: string | undefined;
  /** For the name of a skipped test; empty where the program was found. */
  readonly hint: string;
}

/**
 * Looks for a program on PATH.
 *
 * @throws Error where it is missing and `CI` is true: CI installs them all, so a skip there would hide something
 */
export function findProgram(name: keyof typeof PACKAGES, environment: NodeJS.ProcessEnv = process.env): FoundProgram {
  const folders = (environment['PATH'] ?? '').split(delimiter);
  const path = folders.map((folder) => join(folder, name)).find(isExecutable);
  const hint = path === undefined ? ` (skipped: ${name} is missing; apt-get install ${PACKAGES[name]})` : '';
  if (path === undefined && environment['CI'] === 'true') throw new Error(`Cannot run the tests in CI:${hint}`);
  return { path, hint };
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
