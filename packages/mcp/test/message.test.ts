import { describe, expect, it } from 'vitest';
import {
  classify,
  encodeHeader,
  ErrorCode,
  META,
  MODERN_VERSION,
  parseMessage,
  type ClientParams,
} from '../src/protocol/index.ts';

describe('parseMessage', () => {
  it('gives a request with its raw id and params, without _meta among the params', () => {
    const parsed = parseMessage(
      '{"jsonrpc":"2.0","id":1.0,"method":"tools/call","params":{"name":"a","_meta":{"x":1},"arguments":{"n":1e400}}}',
    );
    expect(parsed).toMatchObject({
      message: { kind: 'request', id: '1.0', method: 'tools/call', params: { meta: { x: 1 } } },
    });
    const { message } = parsed as { message: { params: ClientParams } };
    expect([...message.params.raw]).toEqual([
      ['name', '"a"'],
      ['arguments', '{"n":1e400}'],
    ]);
  });

  it('tells notifications and responses from requests', () => {
    expect(parseMessage('{"jsonrpc":"2.0","method":"notifications/initialized"}')).toMatchObject({
      message: { kind: 'notification' },
    });
    expect(parseMessage('{"jsonrpc":"2.0","id":4,"result":{}}')).toEqual({ message: { kind: 'response' } });
  });

  it.each([
    ['text that is no JSON', '{nope', ErrorCode.parse, 'null'],
    ['a batch', '[{"jsonrpc":"2.0","id":1,"method":"ping"}]', ErrorCode.invalidRequest, 'null'],
    ['another version of JSON-RPC', '{"jsonrpc":"1.0","id":1,"method":"ping"}', ErrorCode.invalidRequest, 'null'],
    ['null', 'null', ErrorCode.invalidRequest, 'null'],
    ['an id that is null', '{"jsonrpc":"2.0","id":null,"method":"ping"}', ErrorCode.invalidRequest, 'null'],
    ['a missing method', '{"jsonrpc":"2.0","id":"x"}', ErrorCode.invalidRequest, '"x"'],
    ['params that are a list', '{"jsonrpc":"2.0","id":7,"method":"ping","params":[]}', ErrorCode.invalidParams, '7'],
    [
      'a _meta that is a string',
      '{"jsonrpc":"2.0","id":7,"method":"ping","params":{"_meta":"x"}}',
      ErrorCode.invalidParams,
      '7',
    ],
  ])('refuses %s and says which id to echo', (_, json, code, id) => {
    expect(parseMessage(json)).toMatchObject({ rejection: { status: 400, code }, id });
  });
});

describe('classify', () => {
  const modernMeta = { [META.protocolVersion]: MODERN_VERSION, [META.clientCapabilities]: { roots: {} } };
  const params = (value: Record<string, unknown>, meta?: Record<string, unknown>): ClientParams => ({
    raw: new Map(),
    value,
    meta,
  });
  const headers = { 'mcp-protocol-version': MODERN_VERSION, 'mcp-method': 'tools/call', 'mcp-name': 'search' };

  it('takes a message without an envelope for a legacy one of the version in its header', () => {
    expect(classify('tools/list', params({}), { 'mcp-protocol-version': '2025-06-18' }, true)).toMatchObject({
      envelope: { era: 'legacy', protocolVersion: '2025-06-18' },
    });
    expect(classify('tools/list', params({}), {}, true)).toMatchObject({
      envelope: { era: 'legacy', protocolVersion: '2025-03-26' },
    });
  });

  it('accepts a modern message whose headers say what its body says', () => {
    expect(classify('tools/call', params({ name: 'search' }, modernMeta), headers, true)).toEqual({
      envelope: { era: 'modern', protocolVersion: MODERN_VERSION, clientCapabilities: { roots: {} }, paramHeaders: {} },
    });
    const repeated = classify(
      'tools/call',
      params({ name: 'search' }, modernMeta),
      { ...headers, 'mcp-param-region': 'eu' },
      true,
    );
    expect(repeated).toMatchObject({ envelope: { paramHeaders: { 'mcp-param-region': 'eu' } } });
  });

  it('reads a name that the header carries in base64', () => {
    const named = { ...headers, 'mcp-name': encodeHeader('größe ') };
    expect(named['mcp-name']).toMatch(/^=\?base64\?/);
    expect(classify('tools/call', params({ name: 'größe ' }, modernMeta), named, true)).toHaveProperty('envelope');
  });

  it.each([
    ['no envelope under a modern header', {}, undefined, headers, ErrorCode.invalidParams],
    [
      'an unknown version',
      { name: 'search' },
      { ...modernMeta, [META.protocolVersion]: '2099-01-01' },
      { ...headers, 'mcp-protocol-version': '2099-01-01' },
      ErrorCode.unsupportedVersion,
    ],
    [
      'a version header that says otherwise',
      { name: 'search' },
      modernMeta,
      { ...headers, 'mcp-protocol-version': '2025-11-25' },
      ErrorCode.headerMismatch,
    ],
    [
      'no version header',
      { name: 'search' },
      modernMeta,
      { ...headers, 'mcp-protocol-version': undefined },
      ErrorCode.headerMismatch,
    ],
    [
      'no capabilities',
      { name: 'search' },
      { [META.protocolVersion]: MODERN_VERSION },
      headers,
      ErrorCode.invalidParams,
    ],
    [
      'a method header that says otherwise',
      { name: 'search' },
      modernMeta,
      { ...headers, 'mcp-method': 'tools/list' },
      ErrorCode.headerMismatch,
    ],
    [
      'a name header that says otherwise',
      { name: 'search' },
      modernMeta,
      { ...headers, 'mcp-name': 'delete' },
      ErrorCode.headerMismatch,
    ],
    ['no name header', { name: 'search' }, modernMeta, { ...headers, 'mcp-name': undefined }, ErrorCode.headerMismatch],
  ])('refuses %s', (_, value, meta, given, code) => {
    expect(classify('tools/call', params(value, meta), given, true)).toMatchObject({
      rejection: { status: 400, code },
    });
  });
});
