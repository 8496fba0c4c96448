import { describe, expect, it } from 'vitest';
import {
  errorAnswer,
  isToolError,
  ProtocolViolation,
  readAnswer,
  resultAnswer,
  writeAnswer,
} from '../src/protocol/index.ts';

describe('readAnswer', () => {
  it('takes the hints of the modern era off and leaves every other byte alone', () => {
    const json =
      '{"result":{"tools":[{"n":1.0}],"resultType":"complete","ttlMs":60000,"cacheScope":"public"},"jsonrpc":"2.0","id":1}';
    expect(readAnswer(json)).toEqual({
      kind: 'result',
      body: '{"tools":[{"n":1.0}]}',
      resultType: 'complete',
      ttl: 60_000,
      scope: 'public',
    });
  });

  it('passes a legacy result through as it is', () => {
    expect(readAnswer('{"jsonrpc":"2.0","id":1,"result":{ "content": [] }}')).toEqual({
      ...resultAnswer('{ "content": [] }'),
    });
  });

  it.each([
    ['negative', '-5', 0],
    ['longer than a day', '1e12', 86_400_000],
    ['no number', '"60"', undefined],
  ])('takes a ttl that is %s for %s', (_, ttlMs, ttl) => {
    expect(readAnswer(`{"id":1,"result":{"ttlMs":${ttlMs},"cacheScope":"everyone"}}`)).toMatchObject({
      ttl,
      scope: 'private',
    });
  });

  it('keeps an error as it was written', () => {
    expect(readAnswer('{"id":1,"error":{"code":-32602,"message":"no","data":1.0}}')).toEqual(
      errorAnswer('{"code":-32602,"message":"no","data":1.0}'),
    );
  });
});

describe('readAnswer, of an upstream that breaks the protocol,', () => {
  it.each(['null', '"hello"', '[]', '5'])('refuses the result %s', (result) => {
    expect(() => readAnswer(`{"id":1,"result":${result}}`)).toThrow(ProtocolViolation);
  });

  it('refuses no result and no error, and an error that is no object', () => {
    expect(() => readAnswer('{"id":1}')).toThrow('The upstream sent a response whose result is no object');
    expect(() => readAnswer('{"id":1,"error":"boom"}')).toThrow(
      'The upstream sent a response whose error is no object',
    );
  });

  it('takes an error that is null for none', () => {
    expect(readAnswer('{"id":1,"error":null,"result":{}}')).toMatchObject({ kind: 'result' });
  });
});

describe('writeAnswer', () => {
  const answer = resultAnswer('{"content":[1.0]}');

  it('splices the id of a legacy client and nothing else', () => {
    expect(writeAnswer(answer, '"a\\u0062"', 'legacy', { ttl: 5, scope: 'public' })).toBe(
      '{"jsonrpc":"2.0","id":"a\\u0062","result":{"content":[1.0]}}',
    );
  });

  it('tells a modern client what remains of the hint', () => {
    expect(writeAnswer(answer, '7', 'modern', { ttl: 41.9, scope: 'private' })).toBe(
      '{"jsonrpc":"2.0","id":7,"result":{"resultType":"complete","ttlMs":41,"cacheScope":"private","content":[1.0]}}',
    );
    expect(writeAnswer(resultAnswer('{}'), '7', 'modern', undefined)).toBe(
      '{"jsonrpc":"2.0","id":7,"result":{"resultType":"complete"}}',
    );
  });

  it('keeps the type of an unfinished result', () => {
    const unfinished = readAnswer('{"id":1,"result":{"resultType":"input_required","inputRequests":{}}}');
    expect(JSON.parse(writeAnswer(unfinished, '1', 'modern', undefined))).toMatchObject({
      result: { resultType: 'input_required', inputRequests: {} },
    });
  });
});

describe('isToolError', () => {
  it('is true only for isError at the top of the result', () => {
    expect(isToolError(resultAnswer('{"content":[],"isError":true}'))).toBe(true);
    expect(isToolError(resultAnswer('{"content":[{"isError":true}]}'))).toBe(false);
  });
});
