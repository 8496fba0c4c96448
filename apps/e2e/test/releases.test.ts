import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { pendingChangesets, versionAfter } from '../src/changesets.ts';
import { Consumer } from '../src/consumer.ts';
import { nodeLine, nodeMajors, supportedMajors, type NodeLine } from '../src/node-lines.ts';
import { publicPackages, type Manifest } from '../src/public-packages.ts';
import { startExampleServers, whyNoExample, type ExampleServers } from '../src/example-servers.ts';
import { Registry, type Packument } from '../src/registry.ts';
import { publish, release } from '../src/release.ts';
import { run } from '../src/run.ts';
import { runGateway } from '../src/running-gateway.ts';
import { moduleResolutions, typecheck } from '../src/type-consumer.ts';

const require = createRequire(import.meta.url);
const workspace = fileURLToPath(new URL('../../..', import.meta.url));
const nodeCache = fileURLToPath(new URL('../node_modules/.cache/node-lines', import.meta.url));

const changesets = await pendingChangesets(workspace);
const packages = (await publicPackages(workspace)).map((manifest) => {
  const majors = supportedMajors(manifest.engines.node);
  return { ...manifest, majors, newest: Math.max(...majors), bins: Object.keys(manifest.bin ?? {}) };
});

let registry: Registry;
let servers: ExampleServers;
let folder: string;
const installations = new Map<string, Promise<Consumer>>();

beforeAll(async () => {
  registry = await Registry.start();
  servers = await startExampleServers();
  for (const [name, value] of Object.entries(servers.env)) vi.stubEnv(name, value);
  folder = await mkdtemp(join(tmpdir(), 'forge-e2e-'));
  const lines = await Promise.all(nodeMajors.map((major) => nodeLine(major, nodeCache)));
  await release(workspace, join(folder, 'workspace'), registry);
  installEverywhere(lines);
});

afterAll(async () => {
  await Promise.allSettled(installations.values());
  await registry.close();
  await servers.stop();
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

/** Two installations at a time go on beside the tests; each test waits for its own. */
function installEverywhere(lines: readonly NodeLine[]): void {
  const lanes: Promise<unknown>[] = [Promise.resolve(), Promise.resolve()];
  const pairs = packages.flatMap(({ name, majors }) =>
    lines.filter(({ major }) => majors.includes(major)).map((line) => ({ name, line })),
  );
  for (const [index, { name, line }] of pairs.entries()) {
    const lane = index % lanes.length;
    const place = join(folder, `node-${line.major}`, name);
    const installation = Promise.resolve(lanes[lane]).then(() =>
      Consumer.install(name, line, place, registry.npmrc('@forge')),
    );
    lanes[lane] = installation.catch(() => undefined);
    installations.set(`${name} ${line.major}`, installation);
  }
}

function consumerOf(name: string, major: number): Promise<Consumer> {
  return installations.get(`${name} ${major}`) ?? Promise.reject(new Error(`${name} is not for Node ${major}`));
}

async function packumentOf(name: string): Promise<Packument> {
  return (await (await fetch(new URL(name, registry.url))).json()) as Packument;
}

describe('the release', () => {
  it.each(packages)('publishes $name in the one version that its changesets say', async ({ name, version }) => {
    const expected = versionAfter(changesets, name, version);

    const packument = await packumentOf(name);

    expect(Object.keys(packument.versions)).toEqual([expected]);
    expect(packument['dist-tags']).toEqual({ latest: expected });
  });

  it('tags each version in git', async () => {
    const tags = (await run('git', ['tag'], { cwd: join(folder, 'workspace') })).trim().split('\n');

    const published = await Promise.all(packages.map(({ name }) => packumentOf(name)));

    expect(tags.sort()).toEqual(
      published.map((packument) => `${packument.name}@${packument['dist-tags']['latest']}`).sort(),
    );
  });

  it('publishes nothing when it is repeated without a new changeset', async () => {
    const output = await publish(workspace, join(folder, 'workspace'));

    expect(output).toContain('No unpublished projects to publish');
  });

  it('leaves the work tree with its versions and changesets', async () => {
    const versions = (manifests: readonly Manifest[]): string[] => manifests.map(({ name, version }) => name + version);

    expect(versions(await publicPackages(workspace))).toEqual(versions(packages));
    expect(await pendingChangesets(workspace)).toEqual(changesets);
  });
});

describe.each(packages)('$name', { concurrent: true }, ({ name, majors, newest, bins }) => {
  it('holds its build, README, LICENSE and manifest, and nothing else', async () => {
    const files = await (await consumerOf(name, newest)).files();

    const besideBuild = files.filter((file) => !file.startsWith('dist/') && file !== 'CHANGELOG.md');
    expect(besideBuild.sort()).toEqual(['LICENSE', 'README.md', 'package.json']);
    expect(files.some((file) => file.startsWith('dist/'))).toBe(true);
    expect(files.filter((file) => /(^|\W)(tests?|traces?)(\W|$)/i.test(file))).toEqual([]);
  });

  it('has a manifest that names nothing that only the workspace has', async () => {
    const { installed, manifest } = await consumerOf(name, newest);
    const dependencies = {
      ...manifest.dependencies,
      ...manifest.peerDependencies,
      ...manifest.optionalDependencies,
    };

    expect(await readFile(join(installed, 'package.json'), 'utf8')).not.toMatch(/@forge\/source|"(workspace|catalog):/);
    expect(packages.map((each) => each.name)).toEqual(
      expect.arrayContaining(Object.keys(dependencies).filter((dependency) => dependency.startsWith('@forge/'))),
    );
  });

  it.each(moduleResolutions)('type-checks in full under moduleResolution %s', async (resolution) => {
    const consumer = await consumerOf(name, newest);

    await expect(typecheck(consumer, resolution)).resolves.toBeUndefined();
  });

  describe.each(majors)('on Node %i', (major) => {
    it('exports the same names to import and to require from each entry', async () => {
      const consumer = await consumerOf(name, major);

      const imported = await consumer.exportedNames('import');

      expect(Object.values(imported)).not.toContainEqual([]);
      expect(await consumer.exportedNames('require')).toEqual(imported);
    });

    // A package with a command shows that one, which has its own test below.
    const lack = whyNoExample(name);
    it.skipIf(lack !== '').each(bins.length === 0 ? ['example'] : [])(
      `runs the first %s of its README${lack}`,
      async () => {
        const consumer = await consumerOf(name, major);

        const example = await consumer.example();

        expect(example).toBeDefined();
        expect(await consumer.runTypeScript(example ?? '')).not.toBe('');
      },
    );

    it.each(bins)('runs npx %s --version and --help', async (bin) => {
      const consumer = await consumerOf(name, major);

      expect((await consumer.npx([bin, '--version'])).trim()).toBe(consumer.manifest.version);
      expect(await consumer.npx([bin, '--help'])).toContain(bin);
    });
  });
});

describe('forge-gateway', () => {
  const everything = require.resolve('@modelcontextprotocol/server-everything/dist/index.js');
  const server = { command: process.execPath, args: [everything, 'stdio'] };
  const config = { mcpServers: { everything: server }, forge: { port: 0 } };
  const majors = packages.find(({ name }) => name === '@forge/gateway')?.majors ?? [];

  it.each(majors)('carries a call from an MCP client to an MCP server when installed on Node %i', async (major) => {
    const gateway = await runGateway(await consumerOf('@forge/gateway', major), config);
    const client = new Client({ name: 'e2e', version: '0.0.0' });
    try {
      await client.connect(new StreamableHTTPClientTransport(new URL(gateway.url)));

      const result = await client.callTool({ name: 'echo', arguments: { message: 'as released' } });

      expect(result.content).toEqual([{ type: 'text', text: 'Echo: as released' }]);
    } finally {
      await client.close();
      expect(await gateway.stop()).toBe(0);
    }
  });
});
