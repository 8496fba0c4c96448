import { ResponseCache } from '@forge/cache';

const cache = new ResponseCache<string>();
const users = cache.namespace('users');
const pages = cache.namespace('pages');

await cache.set('layout', '<main>%</main>');
const render = (): Promise<string> =>
  cache.getOrSet(
    'home',
    async () => {
      console.log('render');
      return (await cache.get('layout'))!.replace('%', 'hello');
    },
    { dependsOn: ['layout'] },
  );

console.log(await render()); // render, <main>hello</main>
await cache.set('layout', '<main>%</main>'); // equal: nothing has changed
await render();
await cache.set('layout', '<body>%</body>');
console.log(await render()); // render, <body>hello</body>

// Namespaces share the bounds, and neither keys nor tags.
await Promise.all([users.set('7', 'Ada', { tags: ['new'] }), pages.set('7', 'Contact')]);
await users.invalidateTag('new');
console.log(await users.get('7'), await pages.get('7')); // undefined Contact

// Only what is missing is loaded.
const loadMissing = (keys: readonly string[]): string[] => keys.map((key) => `page ${key}`);
console.log(await pages.getMany(['7', '8', '9'], loadMissing)); // [ 'Contact', 'page 8', 'page 9' ]

await cache.close();
