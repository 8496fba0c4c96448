import { describe, expect, it } from 'vitest';
import {
  cacheKey,
  callPolicy,
  canonicalJson,
  lifetime,
  type CacheRules,
  type CallPolicy,
  type KeyParts,
} from '../src/caching/index.ts';
import { errorAnswer, forwardedMethod, readAnswer, resultAnswer } from '../src/protocol/index.ts';

describe('canonicalJson', () => {
  it.each([
    [
      'members in order of UTF-16 units',
      '{"\\u20ac":1,"\\r":2,"1":3,"\\ud83d\\ude00":4,"\\ufb33":5}',
      '{"\\r":2,"1":3,"€":1,"😀":4,"\ufb33":5}',
    ],
    ['numbers as ECMAScript writes them', '[1e21,0.000001,1E-7,-0,100]', '[1e+21,0.000001,1e-7,0,100]'],
    ['nested values', '{"b":[{"d":null,"c":true}],"a":""}', '{"a":"","b":[{"c":true,"d":null}]}'],
    ['a member called __proto__', '{"b":1,"__proto__":{"x":1}}', '{"__proto__":{"x":1},"b":1}'],
  ])('writes %s', (_, json, canonical) => {
    expect(canonicalJson(JSON.parse(json))).toBe(canonical);
  });
});

describe('cacheKey', () => {
  const parts: KeyParts = {
    upstream: 'notes',
    principal: 'anybody',
    protocolVersion: '2026-07-28',
    method: 'tools/call',
    params: new Map([
      ['name', '"search"'],
      ['arguments', '{"a":1,"b":[2]}'],
    ]),
    clientCapabilities: {},
  };
  const withArguments = (raw: string): KeyParts => ({ ...parts, params: new Map([['arguments', raw]]) });

  it('is the same whatever the order of members', () => {
    const params = new Map([
      ['arguments', '{"b":[2],"a":1}'],
      ['name', '"search"'],
    ]);
    expect(cacheKey({ ...parts, params })).toBe(cacheKey(parts));
  });

  it.each<[string, Partial<KeyParts>]>([
    ['upstream', { upstream: 'other' }],
    ['principal', { principal: 'somebody' }],
    ['protocol version', { protocolVersion: '2025-11-25' }],
    ['method', { method: 'prompts/get' }],
    ['capabilities', { clientCapabilities: { roots: {} } }],
    ['param headers', { paramHeaders: { 'mcp-param-region': 'eu' } }],
    ['params', { params: new Map([['name', '"search"']]) }],
  ])('differs when the %s differs', (_, change) => {
    expect(cacheKey({ ...parts, ...change })).not.toBe(cacheKey(parts));
  });

  it('takes arguments that are nested deeper than the stack', () => {
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    expect(cacheKey(withArguments(deep))).toBe(cacheKey(withArguments(deep)));
  });

  it('cannot be forged by moving text from one part to the next', () => {
    expect(cacheKey({ ...parts, upstream: 'a', principal: 'bc' })).not.toBe(
      cacheKey({ ...parts, upstream: 'ab', principal: 'c' }),
    );
  });

  it.each([
    ['integers beyond 2^53', '{"id":9007199254740993}', '{"id":9007199254740992}'],
    ['1.0 and 1', '{"n":1.0}', '{"n":1}'],
    ['a member that stands twice', '{"n":2,"n":1}', '{"n":1}'],
    ['-0 and 0', '{"n":-0}', '{"n":0}'],
  ])('tells %s apart, for an upstream might', (_, one, other) => {
    expect(cacheKey(withArguments(one))).not.toBe(cacheKey(withArguments(other)));
  });
});

describe('callPolicy and lifetime', () => {
  const rules: CacheRules = {
    lists: 1000,
    tools: { search: { ttl: 500 }, peek: { merge: true } },
  };
  const policy = (method: string, params: Record<string, string> = {}): CallPolicy =>
    callPolicy(forwardedMethod(method)!, new Map(Object.entries(params)), rules);

  it('keeps a list or a read by its hint, and by the rule where there is one', () => {
    const list = policy('prompts/list');
    expect(
      lifetime(
        readAnswer('{"result":{"prompts":[],"ttlMs":70}}'),
        callPolicy(forwardedMethod('prompts/list')!, new Map(), {}),
      ),
    ).toBe(70);
    expect(lifetime(readAnswer('{"result":{"prompts":[],"ttlMs":0}}'), list)).toBe(1000);
    expect(lifetime(readAnswer('{"result":{"contents":[],"ttlMs":0}}'), policy('resources/read'))).toBe(0);
    expect(lifetime(resultAnswer('{"tools":[]}'), list)).toBe(1000);
    expect(lifetime(resultAnswer('{"contents":[]}'), policy('resources/read', { uri: '"x"' }))).toBe(0);
  });

  it('keeps and merges a tool call by its own rule alone', () => {
    expect(policy('tools/call', { name: '"search"' })).toMatchObject({ cache: true, merge: true });
    expect(policy('tools/call', { name: '"peek"' })).toMatchObject({ cache: false, merge: true });
    expect(policy('tools/call', { name: '"write"' })).toMatchObject({ cache: false, merge: false });
    expect(policy('tools/call', { name: '"toString"' })).toMatchObject({ cache: false, merge: false });
    expect(policy('prompts/get', { name: '"search"' })).toMatchObject({ cache: false, merge: false });
  });

  it('never keeps what continues a round trip, has failed or is unfinished', () => {
    const search = policy('tools/call', { name: '"search"' });
    expect(policy('tools/call', { name: '"search"', requestState: '"s"' })).toMatchObject({
      cache: false,
      merge: false,
    });
    expect(lifetime(resultAnswer('{"content":[]}'), search)).toBe(500);
    // A hint has no say about a tool.
    expect(lifetime(readAnswer('{"result":{"content":[],"ttlMs":86400000}}'), search)).toBe(500);
    expect(lifetime(resultAnswer('{"content":[],"isError":true}'), search)).toBe(0);
    expect(lifetime(errorAnswer('{"code":1,"message":""}'), search)).toBe(0);
    expect(lifetime(readAnswer('{"result":{"resultType":"input_required"}}'), search)).toBe(0);
  });
});
