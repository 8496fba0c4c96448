import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MemoryCache } from '@forge/cache';
import { contentRange, parseContentRange, parseRange, RangeCache } from '@forge/cache/partial';

// An origin that serves ranges of 1000 bytes under a strong validator.
let origin = { etag: '"v1"', bytes: Buffer.alloc(1000, 'a') };
const server = createServer((request, response) => {
  const { etag, bytes } = origin;
  const range = parseRange(request.headers.range, bytes.length);
  if (range === undefined) return void response.writeHead(200, { etag }).end(bytes);
  const { start } = range;
  const end = Math.min(range.end, bytes.length);
  console.log('origin sends', `${start}-${end - 1}`);
  const headers = { etag, 'content-range': contentRange({ start, end, total: bytes.length }) };
  response.writeHead(end > start ? 206 : 416, headers).end(bytes.subarray(start, end));
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/film`;

const films = new RangeCache({
  cache: new MemoryCache({ maxBytes: 64 * 2 ** 20 }),
  name: 'films',
  load: async (key, { start, end }, { signal }) => {
    const range = `bytes=${start}-${end === Infinity ? '' : end - 1}`;
    const response = await fetch(key, { headers: { range }, signal });
    const data = new Uint8Array(await response.arrayBuffer());
    // Without Content-Range it is the whole.
    const part = parseContentRange(response.headers.get('content-range')) ?? { start: 0, total: data.length };
    return { data, etag: response.headers.get('etag') ?? undefined, start: part.start, total: part.total };
  },
});
const show = async (start: number, end: number): Promise<void> => {
  const slice = await films.read(url, { start, end });
  console.log('answer', contentRange(slice), Buffer.from(slice.data).subarray(0, 3).toString());
};

await show(0, 400); // origin sends 0-399
await show(200, 600); // origin sends 400-599
await show(100, 500); // nothing: both parts are there

// Under another validator no old part may be combined with a new one.
origin = { etag: '"v2"', bytes: Buffer.alloc(1000, 'b') };
await show(500, 700); // origin sends 600-699, and then 500-599 too

server.close();
server.closeAllConnections();
