import type { Milliseconds } from '../units.ts';
import type { Frame } from './frame.ts';

/** A process that is heard on the bus. */
interface Peer {
  readonly epoch: string;
  /** The highest number that it is known to have given. */
  readonly last: number;
  readonly heardAt: Milliseconds;
  /** When its silence becomes a doubt, and again and again after that. */
  doubtAt: Milliseconds;
}

/** More of them at once are not told apart: each that is forgotten is a stranger when it is heard again. */
const MAX_PEERS = 1_000;
/** Silences after which a process is taken to have ended. */
const PATIENCE = 10;

/**
 * The processes heard, by the numbers that they give their frames and by their silence.
 *
 * A stranger that has numbered frames before is a gap, and not only if it was missed: that it was never heard does not
 * tell whether what it sent was sent before the subscription (then nothing was missed) or lost since. The price is one
 * needless doubt for each process that is met at the start, when little is held that could be doubted.
 */
export class Peers {
  readonly #silence: Milliseconds;
  readonly #node: string;
  #own: Peer;
  /** The one longest unheard comes first. */
  readonly #others = new Map<string, Peer>();

  /**
   * @param own this process, whose own frames must come back like everybody's
   * @param silence a process that lives is heard at least this often
   */
  constructor(own: { readonly node: string; readonly epoch: string }, silence: Milliseconds, now: Milliseconds) {
    this.#node = own.node;
    this.#own = { epoch: own.epoch, last: 0, heardAt: now, doubtAt: now + silence };
    this.#silence = silence;
  }

  /** Without this process. */
  get size(): number {
    return this.#others.size;
  }

  /** Whether the frame is this process's own. */
  isOwn({ node, epoch }: Frame): boolean {
    return node === this.#node && epoch === this.#own.epoch;
  }

  /** Notes the frame; false when one before it was missed. */
  hear(frame: Frame, now: Milliseconds): boolean {
    const { node, epoch, seq, items, isEnd } = frame;
    const isOwn = this.isOwn(frame);
    const known = isOwn ? this.#own : this.#others.get(node);
    const last = known?.epoch === epoch ? known.last : 0;
    const peer: Peer = { epoch, last: Math.max(last, seq), heardAt: now, doubtAt: now + this.#silence };
    if (isOwn) this.#own = peer;
    else this.#replace(node, isEnd ? undefined : peer);
    // How an earlier life of the node ended, nobody tells any more.
    const isNewLife = known !== undefined && known.epoch !== epoch;
    const before = items.length > 0 ? seq - 1 : seq;
    return before <= last && !isNewLife;
  }

  /** Whether everybody has been heard in time. */
  areHeard(now: Milliseconds): boolean {
    const [longest = this.#own] = this.#others.values();
    return now < Math.min(longest.heardAt, this.#own.heardAt) + this.#silence;
  }

  /** Whether a silence is to be doubted now; while it lasts it will be again. Who is silent for long is forgotten. */
  doubt(now: Milliseconds): boolean {
    let isDue = this.#doubtOne(this.#own, now);
    for (const [node, peer] of this.#others) {
      if (this.#doubtOne(peer, now)) isDue = true;
      if (now - peer.heardAt >= PATIENCE * this.#silence) this.#others.delete(node);
    }
    return isDue;
  }

  /** The next time when somebody's silence may be a doubt. */
  nextDoubt(): Milliseconds {
    let next = this.#own.doubtAt;
    for (const { doubtAt } of this.#others.values()) next = Math.min(next, doubtAt);
    return next;
  }

  #doubtOne(peer: Peer, now: Milliseconds): boolean {
    if (peer.doubtAt > now) return false;
    peer.doubtAt = now + this.#silence;
    return true;
  }

  #replace(node: string, peer: Peer | undefined): void {
    this.#others.delete(node);
    if (peer === undefined) return;
    const [longest] = this.#others.keys();
    if (this.#others.size >= MAX_PEERS && longest !== undefined) this.#others.delete(longest);
    this.#others.set(node, peer);
  }
}
