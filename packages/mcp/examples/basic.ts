import { cacheKey, callPolicy, lifetime } from '@forge/mcp/caching';
import { forwardedMethod, parseMessage, readAnswer, writeAnswer } from '@forge/mcp/protocol';

// What a client sent, and what an upstream answers to it.
const body = '{"jsonrpc":"2.0","id":"a-1","method":"tools/list"}';
const reply = '{"jsonrpc":"2.0","id":7,"result":{"tools":[],"ttlMs":60000,"cacheScope":"public"}}';

const parsed = parseMessage(body);
if (!('message' in parsed) || parsed.message.kind !== 'request') throw new Error('not a request');
const { id, method, params } = parsed.message;
const rule = forwardedMethod(method);
if (rule === undefined) throw new Error('not a method that is forwarded');

// Under which key and for how long may the answer be kept?
const who = { upstream: 'files', principal: 'ada', protocolVersion: '2026-07-28', clientCapabilities: {} };
const key = cacheKey({ ...who, method, params: params.raw });
const answer = readAnswer(reply);
console.log(`${key.length} characters of key, kept for ${lifetime(answer, callPolicy(rule, params.raw, {}))} ms`);

// The same bytes for clients of both eras, each under its own id.
console.log(writeAnswer(answer, id, 'legacy', undefined));
console.log(writeAnswer(answer, '2', 'modern', { ttl: 59_000, scope: 'public' }));
