import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Registry, type Packument, type Publication } from '../src/registry.ts';

let registry: Registry;

beforeEach(async () => {
  registry = await Registry.start();
});
afterEach(() => registry.close());

const tarballOf = (version: string): string => new URL(`@forge/cache/-/cache-${version}.tgz`, registry.url).href;

function put(version: string, content: string, authorization = 'Bearer loopback'): Promise<Response> {
  const publication: Publication = {
    name: '@forge/cache',
    'dist-tags': { latest: version },
    versions: { [version]: { version, dist: { tarball: tarballOf(version) } } },
    _attachments: { 'cache.tgz': { data: Buffer.from(content).toString('base64') } },
  };
  const body = JSON.stringify(publication);
  return fetch(new URL('@forge%2fcache', registry.url), { method: 'PUT', headers: { authorization }, body });
}

async function packument(): Promise<Packument> {
  return (await (await fetch(new URL('@forge%2fcache', registry.url))).json()) as Packument;
}

describe('Registry', () => {
  it('serves each published version and its tarball', async () => {
    await put('0.1.0', 'first');
    await put('0.2.0', 'second');

    expect(Object.keys((await packument()).versions)).toEqual(['0.1.0', '0.2.0']);
    expect((await packument())['dist-tags']).toEqual({ latest: '0.2.0' });
    expect(await (await fetch(tarballOf('0.1.0'))).text()).toBe('first');
    expect(await (await fetch(tarballOf('0.2.0'))).text()).toBe('second');
  });

  it('refuses a version that is published already and keeps the first', async () => {
    await put('0.1.0', 'first');

    expect((await put('0.1.0', 'second')).status).toBe(403);
    expect(await (await fetch(tarballOf('0.1.0'))).text()).toBe('first');
  });

  it('refuses a publication when the token is missing', async () => {
    expect((await put('0.1.0', 'first', '')).status).toBe(401);
    expect((await fetch(new URL('@forge%2fcache', registry.url))).status).toBe(404);
  });

  it('answers 404 when a package was never published', async () => {
    expect((await fetch(new URL('@forge%2fpool', registry.url))).status).toBe(404);
  });
});
