/**
 * `pnpm soak`: a gateway process under a long mixed load, with legacy sessions opened and left. It fails when memory
 * keeps growing after the warm-up, when a call fails, or when a process is left at the end. About a minute.
 *
 * Usage: node soak/main.ts [CALLS], 100000 by default.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const CALLS = Number(process.argv[2] ?? 100_000);
const WORKERS = 16;
/** Sessions are opened and never ended. */
const SESSIONS = 1000;
/** Of the memory after the warm-up, which is half of the calls. */
const ALLOWED_GROWTH = 1.2;

const path = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url));
const agent = new Agent({ keepAlive: true, maxSockets: WORKERS });

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'forge-soak-'));
  const notes = spawn(process.execPath, [path('fixtures/notes-server.ts')], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const config = join(folder, 'gateway.json5');
    await writeFile(
      config,
      JSON.stringify(configuration((JSON.parse(await firstLine(notes.stdout)) as { url: string }).url)),
    );
    const gateway = spawn(process.execPath, ['--conditions=@forge/source', path('src/cli.ts'), '--config', config], {
      stdio: ['ignore', 'inherit', 'pipe'],
    });
    process.exitCode = (await soak(gateway)) ? 0 : 1;
  } finally {
    notes.kill();
    agent.destroy();
    await rm(folder, { recursive: true });
  }
}

function configuration(notesUrl: string): object {
  const counter = { command: process.execPath, args: [path('fixtures/counter-server.ts')] };
  const rules = {
    counter: { cache: { lists: 1000 }, tools: { calls: { ttl: 50 } } },
    notes: { tools: { search: { merge: true } } },
  };
  return { mcpServers: { counter, notes: { url: notesUrl } }, forge: { port: 0, servers: rules } };
}

async function soak(gateway: ChildProcess): Promise<boolean> {
  const url = /MCP at (\S+)\/mcp/.exec(await firstLine(gateway.stderr, /MCP at/))?.[1] ?? '';
  const child = Number(textOf(await send(`${url}/api/mcp/tools/counter__pid`, '{}')));
  for (let n = 0; n < SESSIONS; n += 1) await send(`${url}/mcp`, INITIALIZE);
  let failures = 0;
  let warm = 0;
  let done = 0;
  const worker = async (): Promise<void> => {
    while (done < CALLS) {
      const n = (done += 1);
      const reply = await send(...callOf(url, n)).catch(() => '"error"');
      if (reply.includes('"error"')) failures += 1;
      if (n === Math.floor(CALLS / 2)) warm = await memoryOf(gateway);
      if (n % 10_000 === 0) process.stdout.write(`${n} calls, ${await memoryOf(gateway)} MB, ${failures} failed\n`);
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, worker));
  const end = await memoryOf(gateway);
  const exit = once(gateway, 'exit');
  gateway.kill('SIGTERM');
  const [code] = (await exit) as [number | null];
  const orphan = isAlive(child);
  const grown = end / warm;
  process.stdout.write(
    `${CALLS} calls, ${SESSIONS} sessions left open: ${failures} failed, memory ${warm} → ${end} MB (${grown.toFixed(2)} ×), exit code ${code}, ${orphan ? 'an orphan' : 'no orphan'}\n`,
  );
  return failures === 0 && grown <= ALLOWED_GROWTH && code === 0 && !orphan;
}

/** Kept, merged, forwarded and listed calls in turn. */
function callOf(url: string, n: number): [url: string, body: string] {
  const tool = (name: string): string => `${url}/api/mcp/tools/${name}`;
  switch (n % 5) {
    case 0:
      return [tool('counter__calls'), `{"tool":"write"}`];
    case 1:
      return [tool('counter__write'), `{"value":"${n}"}`];
    case 2:
      return [tool('notes__search'), `{"text":"${n % 3}","delay":1}`];
    case 3:
      return [tool('counter__calls'), `{"tool":"${n}"}`];
    default:
      return [`${url}/mcp`, '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'];
  }
}

const INITIALIZE =
  '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"soak","version":"1"}}}';

function send(url: string, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      url,
      { agent, method: 'POST', headers: { 'content-type': 'application/json' } },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => {
          resolve(text);
        });
      },
    );
    outgoing.on('error', reject).end(body);
  });
}

function textOf(reply: string): string {
  return (JSON.parse(reply) as { content: { text: string }[] }).content[0]?.text ?? '';
}

/** Resident memory in MB. */
async function memoryOf({ pid }: ChildProcess): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024);
}

async function firstLine(stream: NodeJS.ReadableStream | null, which = /./): Promise<string> {
  if (stream === null) throw new TypeError('Cannot read a line: the process has no such stream');
  const lines = createInterface(stream);
  for await (const line of lines) if (which.test(line)) return line;
  throw new Error('The process ended before it said anything');
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

await main();
