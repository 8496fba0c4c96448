import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { ConnectionPool } from '@forge/pool';

// Each request gets a process of its own, which takes long to start: one stands ready, and a burst starts two at a time.
const server = 'process.stdout.write("ready"); process.stdin.on("data", (text) => process.stdout.write(`<${text}>`))';
const pool = new ConnectionPool<ChildProcessWithoutNullStreams>({
  create: async (signal) => {
    const child = spawn(process.execPath, ['--eval', server], { signal });
    await once(child.stdout, 'data', { signal });
    return child;
  },
  destroy: (child) => child.kill(),
  onClosed: (child, evict) => void child.once('exit', () => evict()),
  max: 4,
  minIdle: 1,
  maxConcurrentCreates: 2,
  maxUses: 1,
});

await pool.ready();
const ask = (text: string): Promise<string> =>
  pool.use(async (child) => {
    const answer = once(child.stdout, 'data');
    child.stdin.write(text);
    return String((await answer)[0]);
  });
console.log(await ask('one'), ...(await Promise.all(['two', 'three', 'four'].map(ask))));
await pool.close();
