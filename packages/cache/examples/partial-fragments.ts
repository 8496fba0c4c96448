import { ResponseCache } from '@forge/cache';
import { composite, Fragments, leaf } from '@forge/cache/partial';

const told = <T>(what: string, value: T): T => {
  console.log(what);
  return value;
};

let stock = 3;
const name = leaf({ key: 'name:7', load: () => told('load name', 'Teapot'), ttl: 3_600_000 });
const count = leaf({ key: 'stock:7', load: () => told('load stock', stock), ttl: 1_000 });
const footer = leaf({ key: 'footer', load: () => told('load footer', '<footer>'), ttl: Infinity });
const product = composite({
  key: 'product:7',
  children: { name, count },
  render: (parts) => told('render product', `${parts.name}: ${parts.count} left`),
});
const page = composite({
  key: 'page:7',
  children: { product, footer },
  render: (parts) => told('render page', `${parts.product} ${parts.footer}`),
});

const cache = new ResponseCache();
const fragments = new Fragments({ cache, name: 'shop' });

const first = await fragments.answer(page);
console.log(first.kind === 'full' && first.value);

// A child in doubt is loaded alone. It has not changed: the parents' tags hold, and nothing is rendered.
await fragments.invalidate(count);
console.log((await fragments.answer(page, { ifNoneMatch: first.etag })).kind);

stock = 2;
await fragments.invalidate(count);
const second = await fragments.answer(page, { ifNoneMatch: first.etag });
console.log(second.kind === 'full' && second.value);

await cache.close();
