import { describe, expect, it } from 'vitest';
import { ConfigError, parseConfig, type GatewayConfig } from '../src/index.ts';

const parse = (text: string, environment: NodeJS.ProcessEnv = {}): GatewayConfig =>
  parseConfig(text, { name: 'gateway.json5', folder: '/base', environment });
const withForge = (forge: string): string => `{ mcpServers: { a: { command: 'x' } }, forge: ${forge} }`;

describe('parseConfig', () => {
  it('takes what Claude and Cursor write, comments and their own settings included', () => {
    const config = parse(`{
      // one child, one HTTP server, one that is switched off
      "mcpServers": {
        "files": { "command": "npx", "args": ["-y", "server"], "env": { "ROOT": "/data" }, "cwd": "sub", "autoApprove": ["read"] },
        "web": { "type": "http", "url": "https://example.test/mcp", "headers": { "x-key": "k" }, "timeout": 5 },
        "old": { "command": "old", "disabled": true },
      },
      "theme": "dark",
    }`);
    expect(config.upstreams.map(({ id, target }) => [id, target])).toEqual([
      ['files', { kind: 'stdio', command: 'npx', args: ['-y', 'server'], env: { ROOT: '/data' }, cwd: '/base/sub' }],
      ['web', { kind: 'http', url: 'https://example.test/mcp', headers: { 'x-key': 'k' } }],
    ]);
    expect(config).toMatchObject({ host: '127.0.0.1', port: 4620, allowedHosts: [], allowedOrigins: [] });
  });

  it('takes what VS Code writes, with its ${env:NAME}', () => {
    const text =
      '{ "servers": { "web": { "url": "${env:WEB}/mcp", "headers": { "authorization": "Bearer ${env:TOKEN}" } } } }';
    expect(parse(text, { WEB: 'http://h', TOKEN: 't' }).upstreams[0]?.target).toEqual({
      kind: 'http',
      url: 'http://h/mcp',
      headers: { authorization: 'Bearer t' },
    });
  });

  it('makes a name fit for tool names and URIs', () => {
    const names = parse(
      `{ mcpServers: { 'My Files!': { command: 'x' }, 'github.com/a__b': { command: 'x' } } }`,
    ).upstreams;
    expect(names.map(({ id }) => id)).toEqual(['My-Files', 'github.com-a_b']);
  });

  it('gives each upstream its own policy', () => {
    const config = parse(
      withForge(
        '{ servers: { a: { timeout: 5, pool: { max: 3, concurrency: 2 }, cache: { lists: 7 }, tools: { t: { ttl: 9 } } } } }',
      ),
    );
    expect(config.upstreams[0]).toMatchObject({
      timeout: 5,
      pool: { min: 0, max: 3, concurrency: 2 },
      maxConcurrency: 6,
      rules: { lists: 7, tools: { t: { ttl: 9 } } },
    });
  });

  it.each([
    ['{ mcpServers: ', 'gateway.json5: not valid JSON5: invalid end of input at 1:15'],
    ['5', 'gateway.json5: expected object, got 5'],
    ['{}', 'gateway.json5: mcpServers: expected at least one server that is not disabled, got none'],
    ['{ mcpServers: [] }', 'gateway.json5: mcpServers: expected record, got []'],
    [
      "{ mcpServers: { a: { cmd: 'x' } } }",
      'gateway.json5: mcpServers.a: expected an object with "command" or "url", got {"cmd":"x"}',
    ],
    ['{ mcpServers: { a: { command: 1 } } }', 'gateway.json5: mcpServers.a.command: expected string, got 1'],
    [
      "{ mcpServers: { a: { command: 'x', env: { KEY: 1234 } } } }",
      'gateway.json5: mcpServers.a.env.KEY: expected string, got a value of type number',
    ],
    [
      "{ mcpServers: { a: { url: '${env:NOPE}' } } }",
      'gateway.json5: mcpServers.a.url: expected the environment variable NOPE to be set, got none',
    ],
    [
      "{ mcpServers: { a: { command: '${input:key}' } } }",
      'gateway.json5: mcpServers.a.command: expected a value or ${env:NAME}, got ${input:key}',
    ],
    ["{ mcpServers: { a: { url: 'ftp://h' } } }", 'gateway.json5: mcpServers.a.url: Invalid URL, got "ftp://h"'],
    [
      "{ mcpServers: { 'a b': { command: 'x' }, 'a-b': { command: 'x' } } }",
      'gateway.json5: mcpServers: expected names that differ in letters and digits, got two that become "a-b"',
    ],
    [
      withForge("{ servers: { a: { timeout: '60s' } } }"),
      'gateway.json5: forge.servers.a.timeout: expected number, got "60s"',
    ],
    [withForge('{ portt: 1 }'), 'gateway.json5: forge: Unrecognized key: "portt"'],
    [withForge('{ port: 99999 }'), 'gateway.json5: forge.port: expected number to be <=65535, got 99999'],
    [
      withForge('{ servers: { b: {} } }'),
      'gateway.json5: forge.servers.b: expected one of the servers above (a), got "b"',
    ],
  ])('refuses %s in one line', (text, message) => {
    expect(() => parse(text)).toThrow(new ConfigError(message));
  });
});
