import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { command } from '../src/command.ts';
import type { Report } from '../src/report.ts';

let folder: string;
let printed: string;
let complained: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'forge-bench-'));
  printed = '';
  complained = '';
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

const run = (...args: string[]): Promise<number> =>
  command(args, {
    benches: new URL('fixtures/benches/', import.meta.url),
    results: pathToFileURL(`${folder}/`),
    print: (text) => (printed += `${text}\n`),
    printError: (text) => (complained += `${text}\n`),
  });

describe('command', () => {
  it('prints the names with --list', async () => {
    expect(await run('--list')).toBe(0);
    expect(printed).toBe('broken\nholding\nmissing\nplain\n');
  });

  it('prints its options with --help', async () => {
    expect(await run('--help')).toBe(0);
    for (const option of ['--check', '--rounds N', '--list']) expect(printed).toContain(option);
  });

  it('returns 2 and the names that there are when a name is unknown', async () => {
    expect(await run('holding', 'nope')).toBe(2);
    expect(complained).toBe('Cannot run benches: there is no nope. There are:\nbroken\nholding\nmissing\nplain\n');
  });

  it.each(['0', '-1', '1.5', 'many'])('returns 2 when it is asked for %s rounds', async (rounds) => {
    expect(await run('plain', `--rounds=${rounds}`)).toBe(2);
    expect(complained).toContain(`--rounds must be a whole number from 1, got ${rounds}`);
  });

  it('returns 2 when an option is unknown', async () => {
    expect(await run('--chekc')).toBe(2);
    expect(complained).toContain("Unknown option '--chekc'");
  });

  it('prints the table and keeps it with the figures when there are rounds enough', async () => {
    expect(await run('plain', '--rounds', '5')).toBe(0);
    expect(readdirSync(folder).toSorted()).toEqual(['plain.json', 'plain.md']);
    const kept = JSON.parse(readFileSync(join(folder, 'plain.json'), 'utf8')) as Report;
    expect(kept).toMatchObject({ bench: 'plain', rounds: 5, cases: [{ id: 'steps', bestRival: 'slow' }] });
    expect(kept.cases[0]!.contestants[0]!.rounds).toHaveLength(5);
    expect(`${readFileSync(join(folder, 'plain.md'), 'utf8')}\n`).toBe(printed);
    expect(printed).toContain('# A toy race');
    expect(complained).toMatch(/^plain steps 1\/5: fast [\d.]+ ns, slow [\d.]+ ns$/m);
  });

  it('keeps nothing when there are fewer rounds', async () => {
    expect(await run('plain', '--rounds', '1')).toBe(0);
    expect(printed).toContain('# A toy race');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('returns 0 with --check when the bars hold, and keeps nothing', async () => {
    expect(await run('--check', 'holding', 'plain')).toBe(0);
    expect(printed).toMatch(/^holds {3}holding: steps: cpu of fast at least 2\.00 × slow, measured [\d.]+ \(.*\) ×$/m);
    expect(complained).not.toContain('plain');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('returns 1 with --check and names the bench, the bar and what was measured when one does not hold', async () => {
    expect(await run('--check', 'missing', 'holding')).toBe(1);
    expect(complained).toMatch(
      /^MISSED {2}missing: steps: cpu of slow at least 0\.90 × fast, measured 0\.\d\d \(.*\) ×$/m,
    );
    expect(complained).toMatch(/^1 bar does not hold$/m);
    expect(printed).toContain('holds   holding');
  });

  it('returns 0 without --check even when a bar does not hold, and shows it', async () => {
    expect(await run('missing')).toBe(0);
    expect(printed).toMatch(/\| NO +\|/);
  });

  it('returns 1 when a contestant fails', async () => {
    expect(await run('broken')).toBe(1);
    expect(complained).toContain('Cannot measure throwing at steps');
  });
});
