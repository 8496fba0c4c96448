import { describe, expect, it } from 'vitest';
import { Outliers, Standing } from '../../src/balancing/outliers.ts';

interface World {
  readonly clock: { time: number; now(): number };
  readonly outliers: Outliers<Standing>;
  readonly members: readonly Standing[];
  readonly changes: string[];
}

function world(count: number, random: () => number = () => 0): World {
  const clock = { time: 0, now: () => clock.time };
  const changes: string[] = [];
  const outliers = new Outliers<Standing>(clock, random, (member) => {
    changes.push(`${members.indexOf(member)} ${outliers.stateOf(member)}`);
  });
  const members = Array.from({ length: count }, () => new Standing());
  for (const member of members) outliers.add(member);
  return { clock, outliers, members, changes };
}

/** Uses of one member that began by now. */
function use({ outliers, members }: World, at: number, ...ends: readonly ('succeeded' | 'failed')[]): void {
  const member = members[at]!;
  for (const end of ends) {
    outliers.began(member);
    outliers[end](member, member.round);
  }
}

function fail(all: World, at: number, times = 5): void {
  use(all, at, ...Array.from({ length: times }, () => 'failed' as const));
}

function states({ outliers, members }: World): string[] {
  return members.map((member) => outliers.stateOf(member));
}

describe('Outliers', () => {
  it('ejects after five failures in a row', () => {
    const all = world(2);
    fail(all, 0, 4);
    use(all, 0, 'succeeded');
    fail(all, 0, 4);
    expect(states(all)).toEqual(['healthy', 'healthy']);
    fail(all, 0, 1);
    expect(states(all)).toEqual(['ejected', 'healthy']);
    expect(all.changes).toEqual(['0 ejected']);
  });

  it('ejects when more than half of twenty uses in ten seconds failed', () => {
    const all = world(2);
    const pair = ['succeeded', 'failed'] as const;
    use(all, 0, ...Array.from({ length: 20 }, () => pair).flat());
    expect(states(all)).toEqual(['healthy', 'healthy']);
    use(all, 0, 'failed');
    expect(states(all)).toEqual(['ejected', 'healthy']);
  });

  it('forgets what is older than ten seconds, and judges nothing by fewer than twenty uses', () => {
    const all = world(2);
    const mostly = ['succeeded', 'failed', 'failed'] as const;
    use(all, 0, ...mostly, ...mostly, ...mostly, ...mostly, ...mostly, ...mostly);
    all.clock.time = 10_000;
    use(all, 0, ...mostly, ...mostly, ...mostly, ...mostly, ...mostly, ...mostly);
    expect(states(all)).toEqual(['healthy', 'healthy']);
    use(all, 0, ...mostly);
    expect(states(all)).toEqual(['ejected', 'healthy']);
  });

  it('ejects for 1 s, 2 s … 60 s, each pause up to a quarter shorter at random', () => {
    for (const random of [0, 0.5]) {
      const all = world(2, () => random);
      const [member] = all.members;
      fail(all, 0);
      const pauses = [1, 2, 3, 4, 5, 6, 7].map(() => {
        const pause = all.outliers.dueAt(member!) - all.clock.time;
        all.clock.time = all.outliers.dueAt(member!);
        fail(all, 0, 1);
        return pause;
      });
      const factor = 1 - random / 4;
      expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000].map((pause) => pause * factor));
    }
  });

  it('is restored by the success of its probe', () => {
    const all = world(2);
    fail(all, 0);
    expect(all.outliers.dueAt(all.members[0]!)).toBe(1_000);
    all.clock.time = 1_000;
    all.outliers.began(all.members[0]!);
    expect(states(all)).toEqual(['probing', 'healthy']);
    all.outliers.succeeded(all.members[0]!, all.members[0]!.round);
    expect(states(all)).toEqual(['healthy', 'healthy']);
    expect(all.changes).toEqual(['0 ejected', '0 healthy']);
    fail(all, 0, 4);
    expect(states(all)).toEqual(['healthy', 'healthy']);
  });

  it('takes one step back for each ten seconds in which it did well', () => {
    const all = world(2);
    const pauseAfter = (healthy: number): number => {
      all.clock.time += healthy;
      fail(all, 0);
      const pause = all.outliers.dueAt(all.members[0]!) - all.clock.time;
      all.clock.time += pause;
      use(all, 0, 'succeeded');
      return pause;
    };
    expect([0, 0, 0, 9_999, 10_000, 35_000, 1e9].map(pauseAfter)).toEqual([
      1_000, 2_000, 4_000, 8_000, 8_000, 2_000, 1_000,
    ]);
  });

  it('lets another probe go when one says nothing for ten seconds, or ended without a word', () => {
    const all = world(2);
    const [member] = all.members;
    fail(all, 0);
    all.clock.time = 1_000;
    all.outliers.began(member!);
    expect(all.outliers.dueAt(member!)).toBe(11_000);
    all.outliers.cancelled(member!, member!.round);
    expect(all.outliers.dueAt(member!)).toBe(1_000);
  });

  it('never ejects more than half, and those beyond as soon as another is restored', () => {
    const all = world(5);
    for (const at of [0, 1, 2]) fail(all, at);
    expect(states(all)).toEqual(['ejected', 'ejected', 'suspect', 'healthy', 'healthy']);
    all.clock.time = 1_000;
    use(all, 0, 'succeeded');
    expect(states(all)).toEqual(['healthy', 'ejected', 'ejected', 'healthy', 'healthy']);
    expect(states(world(1))).toEqual(['healthy']);
    const single = world(1);
    fail(single, 0, 50);
    expect(states(single)).toEqual(['suspect']);
    expect(single.outliers.inPanic).toBe(true);
    use(single, 0, 'succeeded');
    expect(states(single)).toEqual(['healthy']);
    expect(single.changes).toEqual([]);
  });

  it('does not prolong an ejection by what fails in panic before its end', () => {
    const all = world(2);
    fail(all, 0);
    fail(all, 1);
    expect(all.outliers.inPanic).toBe(true);
    fail(all, 0, 10);
    expect(all.outliers.dueAt(all.members[0]!)).toBe(1_000);
  });

  it('does not count what began before an ejection or a restoration', () => {
    const all = world(2);
    const [member] = all.members;
    const { round } = member!;
    fail(all, 0);
    all.outliers.succeeded(member!, round);
    expect(states(all)).toEqual(['ejected', 'healthy']);
    all.clock.time = 1_000;
    use(all, 0, 'succeeded');
    for (let late = 0; late < 50; late += 1) all.outliers.failed(member!, round);
    expect(states(all)).toEqual(['healthy', 'healthy']);
  });

  it('does not count what ends after its member has left', () => {
    const all = world(3);
    const [member] = all.members;
    fail(all, 0);
    all.outliers.remove(member!);
    all.outliers.remove(member!);
    expect(all.outliers.ejected).toBe(0);
    all.outliers.succeeded(member!, member!.round);
    all.clock.time = 1_000;
    all.outliers.failed(member!, member!.round);
    expect(all.outliers.ejected).toBe(0);
    expect(all.outliers.inPanic).toBe(false);
  });
});
