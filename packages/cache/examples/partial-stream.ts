import { setTimeout as sleep } from 'node:timers/promises';
import { MemoryCache } from '@forge/cache';
import { StreamCache } from '@forge/cache/partial';

const answers = new StreamCache<string>({
  cache: new MemoryCache({ maxBytes: 2 ** 20 }),
  name: 'answers',
  ttl: 60_000,
});

async function* complete({ signal }: { signal: AbortSignal }): AsyncGenerator<string> {
  console.log('producer starts');
  for (const word of ['Lilac', 'shoots', 'beneath', 'the', 'window']) {
    yield word;
    await sleep(5, undefined, { signal });
  }
}

const read = async (who: string): Promise<void> => {
  const words: string[] = [];
  for await (const word of answers.read('a poem', complete)) words.push(word);
  console.log(who, words.join(' '));
};

const first = read('first:');
await sleep(12);
await Promise.all([first, read('late:')]); // replays what was said, then follows
await read('after the end:'); // replays

// The producer is stopped when nobody reads it any more.
let stopped = false;
const endless = async function* ({ signal }: { signal: AbortSignal }): AsyncGenerator<string> {
  signal.addEventListener('abort', () => (stopped = true));
  for (;;) {
    yield 'tick';
    await sleep(1);
  }
};
for await (const _ of answers.read('a clock', endless)) break;
console.log('stopped', stopped);
