import { setTimeout as sleep } from 'node:timers/promises';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

/** One thing that an agent does; `n` counts up, so that some of the calls are equal and some are not. */
type Step = (client: Client, n: number) => Promise<unknown>;

const TOPICS = ['cache', 'pool', 'batcher', 'forge'] as const;

/** A mix of what agents send: lists again and again, the same questions, and now and then something new. */
const STEPS: readonly Step[] = [
  (client) => client.listTools(),
  (client, n) => client.callTool({ name: 'everything__echo', arguments: { message: `greeting ${n % 5}` } }),
  (client, n) => client.callTool({ name: 'everything__get-sum', arguments: { a: n % 7, b: 1 } }),
  (client) => client.listResources(),
  (client) => client.readResource({ uri: 'everything+demo://resource/static/document/features.md' }),
  (client) => client.listPrompts(),
  (client, n) => client.callTool({ name: 'everything__echo', arguments: { message: `news ${n}` } }),
  // Several agents ask the same at the same moment: one search reaches the server.
  (client, n) =>
    Promise.all(
      [1, 2, 3].map(() => client.callTool({ name: 'notes__search', arguments: { text: TOPICS[n % TOPICS.length] } })),
    ),
];

/** Each at its own point of the mix, as agents are; one of them speaks the legacy protocol. */
const AGENTS: readonly { readonly era: 'auto' | 'legacy'; readonly offset: number }[] = [
  { era: 'auto', offset: 0 },
  { era: 'auto', offset: 3 },
  { era: 'legacy', offset: 5 },
];

const PAUSE = 150;

/** Sends the mix through official clients until the signal fires. Rejects when one cannot connect. */
export async function runLoad(url: string, signal: AbortSignal): Promise<void> {
  await Promise.all(AGENTS.map(({ era, offset }) => runAgent(url, era, offset, signal)));
}

/** Read anew after each wait, which the compiler does not expect of a property. */
const isOver = (signal: AbortSignal): boolean => signal.aborted;

/** A call that fails is told, once a second at most. */
async function runAgent(url: string, era: 'auto' | 'legacy', offset: number, signal: AbortSignal): Promise<void> {
  const client = new Client({ name: 'forge-demo', version: '1.0.0' }, { versionNegotiation: { mode: era } });
  let lastComplaint = -Infinity;
  try {
    await client.connect(new StreamableHTTPClientTransport(new URL(url)));
    for (let n = offset; !signal.aborted; n += 1) {
      try {
        await STEPS[n % STEPS.length]?.(client, Math.floor(n / STEPS.length));
      } catch (error) {
        if (!isOver(signal) && performance.now() - lastComplaint > 1000) {
          lastComplaint = performance.now();
          process.stderr.write(`  a call of the load failed: ${String(error)}\n`);
        }
      }
      await sleep(PAUSE, undefined, { signal }).catch(() => {});
    }
  } finally {
    await client.close();
  }
}
