import { describe, expect, it } from 'vitest';
import type { Frame } from '../../src/tiers/frame.ts';
import { Peers } from '../../src/tiers/peers.ts';

const own = { node: 'own', epoch: 'e' };
const item = { kind: 'all' } as const;
const life = (seq: number, rest: Partial<Frame> = {}): Frame => ({
  node: 'a',
  epoch: 'e',
  seq,
  items: [],
  isEnd: false,
  ...rest,
});
const news = (seq: number, rest: Partial<Frame> = {}): Frame => life(seq, { items: [item], ...rest });

describe('Peers', () => {
  it.each<[string, readonly Frame[], readonly boolean[]]>([
    ['a node heard from its beginning', [life(0), news(1), life(1), news(2)], [true, true, true, true]],
    ['a node whose first frame it is', [news(1)], [true]],
    ['a stranger that has sent before', [news(5), news(6)], [false, true]],
    ['a stranger whose sign of life tells of a frame', [life(1), life(1)], [false, true]],
    ['a lost frame that the next one shows', [news(1), news(3), news(4)], [true, false, true]],
    ['a lost frame that a sign of life shows', [news(1), life(2), life(2)], [true, false, true]],
    ['a repeated frame', [news(1), news(1), news(2)], [true, true, true]],
    ['a frame that comes late', [news(1), news(3), news(2), news(4)], [true, false, true, true]],
    ['a new life of the node', [news(1), news(1, { epoch: 'f' }), news(2, { epoch: 'f' })], [true, false, true]],
    [
      'a lost frame of a new life that has sent less than the one before',
      [news(1), news(2), news(1, { epoch: 'f' }), news(3, { epoch: 'f' })],
      [true, true, false, false],
    ],
    ['a new life that has sent nothing', [life(0), life(0, { epoch: 'f' })], [true, false]],
    ['a node that took its leave', [news(1), life(1, { isEnd: true }), life(0, { epoch: 'f' })], [true, true, true]],
    ['a leave that tells of a lost frame', [news(1), life(2, { isEnd: true })], [true, false]],
    ['one node and another', [news(1), news(1, { node: 'b' }), news(2)], [true, true, true]],
    ['its own lost frame', [news(1, own), news(3, own)], [true, false]],
    ['its own name in another life', [news(1, own), news(1, { ...own, epoch: 'f' }), news(2, own)], [true, true, true]],
  ])('hears %s', (_, frames, expected) => {
    const peers = new Peers(own, 100, 0);
    expect(frames.map((frame) => peers.hear(frame, 0))).toEqual(expected);
  });

  it('doubts a silence when it is due, and again as long as it lasts', () => {
    const peers = new Peers(own, 100, 0);
    const doubts: number[] = [];
    peers.hear(life(0), 0);
    for (let now = 0; now <= 1_500; now += 10) {
      peers.hear(life(0, own), now);
      if (peers.doubt(now)) doubts.push(now);
    }
    expect(doubts).toEqual([100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]);
    expect(peers.size).toBe(0);
    expect(peers.hear(news(2), 1_500)).toBe(false);
  });

  it('never forgets to doubt its own silence', () => {
    const peers = new Peers(own, 100, 0);
    for (let now = 100; now <= 5_000; now += 100) expect(peers.doubt(now)).toBe(true);
    expect(peers.areHeard(5_000)).toBe(false);
  });

  it('does not doubt a node that took its leave', () => {
    const peers = new Peers(own, 100, 0);
    peers.hear(news(1), 0);
    peers.hear(life(1, { isEnd: true }), 0);
    peers.hear(life(0, own), 50);
    expect(peers.doubt(100)).toBe(false);
  });

  it('areHeard until one is silent, and when it is heard again', () => {
    const peers = new Peers(own, 100, 0);
    peers.hear(life(0), 10);
    peers.hear(life(0, { node: 'b' }), 50);
    peers.hear(life(0, own), 90);
    expect([peers.areHeard(109), peers.areHeard(110)]).toEqual([true, false]);
    peers.hear(life(0), 110);
    expect([peers.areHeard(149), peers.areHeard(150)]).toEqual([true, false]);
  });

  it('nextDoubt is the earliest', () => {
    const peers = new Peers(own, 100, 0);
    peers.hear(life(0), 10);
    peers.hear(life(0, own), 90);
    expect(peers.nextDoubt()).toBe(110);
  });

  it('remembers a thousand others, and forgets the one that was longest unheard', () => {
    const peers = new Peers(own, 100, 0);
    for (let index = 0; index < 1_000; index++) peers.hear(news(1, { node: `${index}` }), 0);
    peers.hear(life(1, { node: '0' }), 0);
    peers.hear(news(1, { node: 'new' }), 0);
    expect(peers.size).toBe(1_000);
    expect(peers.hear(news(2, { node: '0' }), 0)).toBe(true);
    expect(peers.hear(news(2, { node: '1' }), 0)).toBe(false);
  });
});
