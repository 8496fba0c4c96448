import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HttpPool } from '@forge/pool-http';
import { fetch } from 'undici';

const server = createServer((_, answer) => void setTimeout(() => answer.end('hello'), 50)).listen(0);
await once(server, 'listening');
const url = `http://localhost:${(server.address() as AddressInfo).port}/`;

const dispatcher = new HttpPool({ connections: 2, acquireTimeout: 2_000 }); // was: new Agent({ connections: 2 })
const ask = async (signal?: AbortSignal): Promise<string> =>
  (await fetch(url, { dispatcher, signal: signal ?? null })).text();

const answers = Promise.all([ask(), ask(), ask(), ask()]);
const late = await ask(AbortSignal.timeout(10)).catch((error: Error) => error.name);
console.log(late); // TimeoutError: it left the queue, and was never sent
console.log((await answers).length, 'answers,', dispatcher.getMetrics().created, 'connections'); // 4 answers, 2 connections

await dispatcher.close();
server.close();
