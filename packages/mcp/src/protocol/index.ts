/**
 * The Model Context Protocol as a gateway sees it: which era a message belongs to, what it asks for, and how an answer
 * travels between the eras without its bytes being touched.
 *
 * ```ts
 * const parsed = parseMessage(body);
 * if ('message' in parsed && parsed.message.kind === 'request') {
 *   const { id, method, params } = parsed.message;
 *   const era = classify(method, params, headers, true);
 *   // … forward, or take the answer from a cache …
 *   response.end(writeAnswer(answer, id, 'modern', { ttl: 1000, scope: 'private' }));
 * }
 * ```
 *
 * @module
 */
export {
  errorAnswer,
  errorCode,
  isToolError,
  readAnswer,
  resultAnswer,
  resultValue,
  writeAnswer,
  type Answer,
  type CacheScope,
  type Hints,
  type ResultAnswer,
} from './answer.ts';
export { classify, encodeHeader, type Classified, type Envelope, type MessageHeaders } from './envelope.ts';
export { errorBody, ErrorCode, ProtocolViolation, type Rejection } from './errors.ts';
export { isObject, parseMessage, type ClientMessage, type ClientParams, type Parsed } from './message.ts';
export { forwardedMethod, type Feature, type Method } from './methods.ts';
export { rawElements, rawMembers, writeMembers } from './raw-json.ts';
export {
  LEGACY_VERSIONS,
  META,
  MODERN_VERSION,
  negotiateLegacyVersion,
  UNNAMED_VERSION,
  type Era,
} from './versions.ts';
