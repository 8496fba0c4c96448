import {
  errorAnswer,
  errorBody,
  errorCode,
  ErrorCode,
  rawMembers,
  writeMembers,
  type Answer,
  type Era,
} from '@forge/mcp/protocol';

/** What one era says in a way of its own, for a client of the other. */
export function acrossEras(answer: Answer, era: Era): Answer {
  if (era === 'legacy' && answer.kind === 'result' && answer.resultType !== 'complete') {
    const message = `The server did not finish (${answer.resultType}): it asks for what a client of this protocol version cannot give`;
    return errorAnswer(errorBody(ErrorCode.internal, message));
  }
  if (era === 'modern' && answer.kind === 'error' && errorCode(answer) === ErrorCode.legacyResourceNotFound) {
    const members = rawMembers(answer.body);
    return errorAnswer(writeMembers(members.set('code', String(ErrorCode.invalidParams))));
  }
  return answer;
}

/** The modern era shows some errors in the HTTP status too. */
export function statusOf(answer: Answer, era: Era): number {
  return (era === 'modern' ? MODERN_STATUS.get(errorCode(answer)) : undefined) ?? 200;
}

const MODERN_STATUS: ReadonlyMap<number | undefined, number> = new Map([
  [ErrorCode.methodNotFound, 404],
  [ErrorCode.headerMismatch, 400],
  [ErrorCode.missingCapability, 400],
  [ErrorCode.unsupportedVersion, 400],
]);
