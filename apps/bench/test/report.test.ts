import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import type { Bar, Bench, Contestant, Sample, Samples } from '../src/bench.ts';
import { readEnvironment } from '../src/environment.ts';
import { renderMarkdown } from '../src/markdown.ts';
import { summarize, type Report } from '../src/report.ts';

const bar: Bar = { case: 'get', figure: 'cpu', contestant: 'own', rival: 'quick', atLeast: 0.9 };
const contestant = (id: string, role: Contestant['role']): Contestant => ({ id, role, module: import.meta.url });
const bench: Bench = {
  title: 'Lookups',
  load: 'Keys.',
  cases: [{ id: 'get', operation: 'one `get`', operations: 100, warmup: 10 }],
  contestants: [
    { id: 'own', role: 'forge', package: 'vitest', module: import.meta.url },
    contestant('lame', 'rival'),
    contestant('quick', 'rival'),
    contestant('bound', 'yardstick'),
  ],
  bars: [bar],
};

/** Rounds of so many ns per operation. */
const rounds = (...nanoseconds: number[]): Sample[] =>
  nanoseconds.map((time) => ({ cpu: time / 1e6, wall: (2 * time) / 1e6, checksum: 0, observations: { 'hits %': 50 } }));

const found: Samples = new Map([
  ['own', rounds(40, 50, 60)],
  // The mean of `lame` is lower than that of `quick`, its median is not.
  ['lame', rounds(5, 45, 50)],
  ['quick', rounds(40, 40, 66)],
  ['bound', rounds(20, 20, 20)],
]);

const report = (overrides: Partial<Bench> = {}): Report =>
  summarize({
    name: 'lookups',
    bench: { ...bench, ...overrides },
    rounds: 3,
    samples: new Map([['get', found]]),
    environment: { date: '2026-01-31', node: '24.0.0', platform: 'linux x64', cpu: 'Chip', cores: 2, load: 1.5 },
  });

describe('summarize', () => {
  it('compares with the rival of the lowest median, round by round', () => {
    const [get] = report().cases;
    expect(get).toMatchObject({ id: 'get', bestRival: 'quick', yardstick: 'bound' });
    const [own, , quick] = get!.contestants;
    expect(own!.ratioToBestRival).toEqual({ min: 0.8, median: 1, max: 1.1 });
    expect(quick!.ratioToBestRival).toEqual({ min: 1, median: 1, max: 1 });
  });

  it('gives times in ns, also above the yardstick, which itself is compared with nothing', () => {
    const [own, , , bound] = report().cases[0]!.contestants;
    expect(own).toMatchObject({
      cpuNs: { min: 40, median: 50, max: 60 },
      wallNs: { min: 80, median: 100, max: 120 },
      aboveYardstickNs: { min: 20, median: 30, max: 40 },
      observations: { 'hits %': 50 },
    });
    expect(own!.rounds[0]).toEqual({ cpuNs: 40, wallNs: 80 });
    expect(bound).not.toHaveProperty('ratioToBestRival');
    expect(bound).not.toHaveProperty('aboveYardstickNs');
  });

  it('names the version of the package that is measured', () => {
    const [own, lame] = report().cases[0]!.contestants;
    expect(own).toMatchObject({ package: 'vitest', version: expect.stringMatching(/^\d+\.\d+\.\d+/) as string });
    expect(lame).not.toHaveProperty('version');
  });

  it('judges the bars', () => {
    expect(report().bars).toEqual([{ ...bar, measured: { min: 0.8, median: 1, max: 1.1 }, holds: true }]);
    expect(report({ bars: [{ ...bar, atLeast: 1.01 }] }).bars[0]).toMatchObject({ holds: false });
  });
});

describe('renderMarkdown', () => {
  it('tells where the figures come from, and shows them with both comparisons', () => {
    const text = renderMarkdown(report());
    expect(text).toContain('Made with `pnpm bench lookups` on 2026-01-31: Chip, 2 cores, linux x64, Node 24.0.0');
    expect(text).toContain('speed / quick | ns above bound | hits % |');
    expect(text).toMatch(
      /\| own \(vitest \S+\) +\| +50\.0 \(40\.0 to 60\.0\) \| +100\.0 \(80\.0 to 120\.0\) \| 1\.00 \(0\.80 to 1\.10\) \| +30\.0 \| +50\.0 \|/,
    );
    expect(text).toMatch(/\| quick .* \| +1 \| +20\.0 \|/);
    expect(text).toMatch(/\| bound \(yardstick\) +\| +20\.0 \(20\.0 to 20\.0\) \| .* \| +\| +\| +50\.0 \|/);
    expect(text).toMatch(/\| get: cpu of own at least 0\.90 × quick \| 1\.00 \(0\.80 to 1\.10\) × \| yes +\|/);
  });

  it('marks a bar that does not hold', () => {
    expect(renderMarkdown(report({ bars: [{ ...bar, atLeast: 2 }] }))).toMatch(/at least 2\.00 × quick .*\| NO +\|/);
  });

  it('leaves out the comparisons and bars that a bench does not have', () => {
    const text = renderMarkdown(report({ contestants: [contestant('own', 'forge')], bars: [] }));
    expect(text).not.toMatch(/speed|above|## Bars/i);
  });
});

describe('readEnvironment', () => {
  it('names the hardware and versions but not the machine', () => {
    const environment = readEnvironment();
    expect(environment).toMatchObject({
      node: process.versions.node,
      date: expect.stringMatching(/^\d{4}-\d\d-\d\d$/) as string,
    });
    expect(environment.cores).toBeGreaterThan(0);
    expect(Object.values(environment)).not.toContain(hostname());
    expect(Object.keys(environment).toSorted()).toEqual(['cores', 'cpu', 'date', 'load', 'node', 'platform']);
  });
});
