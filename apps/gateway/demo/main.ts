/**
 * `pnpm demo`: a gateway in front of two real MCP servers, with a light load, so that there is something to look at.
 * `--no-load` leaves the servers to you.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadConfig, startGateway, type Gateway, type GatewayConfig } from '../src/index.ts';
import { runLoad } from './load.ts';

const HELP = `pnpm demo: an MCP gateway in front of two real servers

  --no-load   send no calls
  --help      this text
`;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { 'no-load': { type: 'boolean' }, help: { type: 'boolean' } } });
  if (values.help === true) {
    process.stdout.write(HELP);
    return;
  }
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      stopping.abort();
    });
  }
  const notes = startNotesServer();
  try {
    const gateway = await start(await urlOf(notes));
    print(gateway, values['no-load'] === true);
    await (values['no-load'] === true ? aborted(stopping.signal) : runLoad(`${gateway.url}/mcp`, stopping.signal));
    process.stdout.write('\nstopping\n');
    await gateway.close();
  } finally {
    notes.kill();
  }
}

async function start(notesUrl: string): Promise<Gateway> {
  const everything = createRequire(import.meta.url).resolve('@modelcontextprotocol/server-everything/dist/index.js');
  const config = await loadConfig(fileURLToPath(new URL('gateway.json5', import.meta.url)), {
    ...process.env,
    DEMO_NODE: process.execPath,
    DEMO_EVERYTHING: everything,
    DEMO_NOTES_URL: notesUrl,
  });
  const log = (line: string): void => {
    process.stderr.write(`  ${line}\n`);
  };
  try {
    return await startGateway(config, { log });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    log(`port ${config.port} is taken, so any free one is used`);
    const elsewhere: GatewayConfig = { ...config, port: 0 };
    return startGateway(elsewhere, { log });
  }
}

function print({ url }: Gateway, quiet: boolean): void {
  const client = JSON.stringify({ mcpServers: { forge: { type: 'http', url: `${url}/mcp` } } }, null, 2);
  process.stdout.write(`
Forge gateway
  MCP endpoint   ${url}/mcp
  status page    ${url}/
  metrics        ${url}/metrics

To use it from an MCP client, add this to its configuration:
${client}

${quiet ? 'No load is sent (--no-load).' : 'A light load is sent: about 20 calls a second, some of them equal.'} Ctrl-C ends everything.
`);
}

function startNotesServer(): ChildProcess {
  const script = fileURLToPath(new URL('../fixtures/notes-server.ts', import.meta.url));
  return spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
}

async function urlOf({ stdout }: ChildProcess): Promise<string> {
  if (stdout === null) throw new TypeError('Cannot read where the notes server listens: it has no output');
  for await (const line of createInterface(stdout)) return (JSON.parse(line) as { url: string }).url;
  throw new Error('The notes server ended before it listened');
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    // A timer that never matters holds the process open until the signal comes.
    const hold = setInterval(() => {}, 60_000);
    signal.addEventListener('abort', () => {
      clearInterval(hold);
      resolve();
    });
  });
}

await main();
