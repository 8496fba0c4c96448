import { spawn, type ChildProcess } from 'node:child_process';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { onTestFinished } from 'vitest';
import { parseConfig, startGateway, type Gateway } from '../src/index.ts';

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}.ts`, import.meta.url));

/** The configuration entry of the legacy stdio fixture. */
export function counterServer(...flags: string[]): object {
  return { command: process.execPath, args: [fixture('counter-server'), ...flags] };
}

/** A gateway in this process on a free port, closed when the test ends. */
export async function gatewayFor(
  mcpServers: Record<string, object>,
  forge: object = {},
  log: string[] = [],
): Promise<Gateway> {
  const text = JSON.stringify({ mcpServers, forge: { port: 0, ...forge } });
  const config = parseConfig(text, { name: 'test', folder: process.cwd(), environment: process.env });
  const gateway = await startGateway(config, { log: (line) => log.push(line) });
  onTestFinished(() => gateway.close());
  return gateway;
}

export interface NotesServer {
  readonly url: string;
  /** How often each of its tools really ran. */
  calls(): Promise<Record<string, number>>;
}

/** The modern HTTP fixture in a process of its own, ended when the test ends. */
export async function notesServer(): Promise<NotesServer> {
  const child = spawn(process.execPath, [fixture('notes-server')], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => end(child));
  const { url } = JSON.parse(await firstLine(child)) as { url: string };
  return { url, calls: async () => (await fetch(new URL('/calls', url))).json() as Promise<Record<string, number>> };
}

export interface FakeMessage {
  readonly id?: number;
  readonly method: string;
  readonly params: any;
}

/** A modern upstream whose every answer the test writes: raw JSON of the response's members beside its id. */
export async function fakeUpstream(
  answer: (message: FakeMessage, response: ServerResponse, headers: IncomingHttpHeaders) => string | undefined,
): Promise<{ url: string; seen: FakeMessage[]; headers: IncomingHttpHeaders[]; close: () => void }> {
  const seen: FakeMessage[] = [];
  const headers: IncomingHttpHeaders[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      const message = JSON.parse(body) as FakeMessage;
      seen.push(message);
      headers.push(request.headers);
      const discovery =
        '"result":{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{},"resources":{},"prompts":{}}}';
      const said = message.method === 'server/discover' ? discovery : answer(message, response, request.headers);
      if (said === undefined) return;
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(`{"jsonrpc":"2.0","id":${message.id},${said}}`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  onTestFinished(close);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`, seen, headers, close };
}

/** One modern request, as it is written. */
export async function ask(
  gateway: { readonly url: string },
  method: string,
  params = '',
  name?: string,
  more: Record<string, string> = {},
): Promise<{ status: number; text: string; body: any }> {
  const meta =
    '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}';
  const response = await fetch(`${gateway.url}/mcp`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      ...(name !== undefined && { 'mcp-name': name }),
      ...more,
    },
    body: `{"jsonrpc":"2.0","id":"q","method":"${method}","params":{${params}${params === '' ? '' : ','}${meta}}}`,
  });
  const text = await response.text();
  return { status: response.status, text, body: JSON.parse(text) };
}

export function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once('exit', () => {
      resolve();
    });
    child.kill('SIGKILL');
  });
}

async function firstLine({ stdout }: ChildProcess): Promise<string> {
  for await (const line of createInterface(stdout!)) return line;
  throw new Error('The process ended before it said anything');
}

/** The official client of the modern era. */
export async function modernClient(gateway: Gateway): Promise<Client> {
  const client = new Client(
    { name: 'test', version: '1.0.0' },
    { versionNegotiation: { mode: { pin: '2026-07-28' } } },
  );
  await client.connect(new StreamableHTTPClientTransport(new URL(`${gateway.url}/mcp`)));
  onTestFinished(() => client.close());
  return client;
}

/** The official client of the legacy era. */
export async function legacyClient(gateway: Gateway): Promise<{ client: LegacyClient; transport: LegacyTransport }> {
  const client = new LegacyClient({ name: 'test', version: '1.0.0' });
  const transport = new LegacyTransport(new URL(`${gateway.url}/mcp`));
  await client.connect(transport);
  onTestFinished(() => client.close());
  return { client, transport };
}

/** The text of a tool's result. */
export function textOf(result: unknown): string {
  const { content } = result as { content: { text: string }[] };
  return content.map(({ text }) => text).join('\n');
}

/** Calls a tool over the REST face. */
export async function call(gateway: Gateway, tool: string, args: object = {}): Promise<{ status: number; body: any }> {
  const response = await fetch(`${gateway.url}/api/mcp/tools/${encodeURIComponent(tool)}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(args),
  });
  return { status: response.status, body: await response.json() };
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
