import { setTimeout as sleep } from 'node:timers/promises';
import { ResponseCache, type LoaderContext, type NotModified } from '@forge/cache';

interface Page {
  readonly body: string;
  readonly version: number;
}

const cache = new ResponseCache<Page>({
  defaultTTL: 50,
  ttlJitter: 0.05,
  staleWhileRevalidate: 1000,
  staleIfError: 60_000,
  softTimeout: 100,
  hardTimeout: 5000,
  errorTTL: 200,
  refreshAhead: 0.1,
  xfetchBeta: 1,
});

let version = 1;
let isDown = false;
const load = ({ previous, notModified, setOptions }: LoaderContext<Page>): Page | NotModified => {
  if (isDown) throw new Error('the server is down');
  if (previous?.etag === `v${version}`) return notModified;
  setOptions({ etag: `v${version}` });
  return { body: `page of version ${version}`, version };
};

const show = async (): Promise<void> => console.log((await cache.getOrSet('/page', load)).body);

await show(); // page of version 1
version = 2;
await sleep(80);
await show(); // page of version 1: stale, while version 2 is loaded
await sleep(10);
await show(); // page of version 2

isDown = true;
await sleep(80);
await show(); // page of version 2: stale, and loading fails unseen
await sleep(10);
const { loadErrors, stale } = cache.getMetrics();
console.log({ loadErrors, stale });
console.log(cache.explain('/page').state); // stale

await cache.close();
