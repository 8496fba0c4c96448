import { MemoryCache } from '@forge/cache';
import { Deltas, mergePatch, type Json } from '@forge/cache/partial';

const deltas = new Deltas({ cache: new MemoryCache({ maxBytes: 16 * 2 ** 20 }), name: 'boards' });
const cards = Array.from({ length: 50 }, (_, id) => [`card${id}`, { title: `Card ${id}`, done: false }] as const);
const board: Record<string, { title: string; done: boolean }> = Object.fromEntries(cards);

// A client that has nothing gets the whole, and its tag.
const first = deltas.answer('board:1', board);
if (first.kind !== 'full') throw new Error('the first answer is full');
console.log(first.kind, first.body.length > 1500);
const held = JSON.parse(first.body) as Json;

console.log(deltas.answer('board:1', board, first.etag).kind);

// It comes back with the tag after a change, and gets the change.
board['card7'] = { title: 'Card 7', done: true };
delete board['card8'];
const second = deltas.answer('board:1', board, first.etag);
if (second.kind !== 'patch') throw new Error('the change is smaller than the board');
console.log(second.kind, second.body);

const now = mergePatch(held, JSON.parse(second.body) as Json);
console.log(JSON.stringify(now) === JSON.stringify(board));
