import {
  errorAnswer,
  errorBody,
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
  if (era === 'modern' && answer.kind === 'error' && errorCode(answer.body) === ErrorCode.legacyResourceNotFound) {
    const members = rawMembers(answer.body);
    return errorAnswer(writeMembers(members.set('code', String(ErrorCode.invalidParams))));
  }
  return answer;
}

/** The modern era shows some errors in the HTTP status too. */
export function statusOf(answer: Answer, era: Era): number {
  const code = era === 'modern' && answer.kind === 'error' ? errorCode(answer.body) : undefined;
  if (code === ErrorCode.methodNotFound) return 404;
  return code === ErrorCode.headerMismatch ||
    code === ErrorCode.missingCapability ||
    code === ErrorCode.unsupportedVersion
    ? 400
    : 200;
}

function errorCode(body: string): number {
  return Number(rawMembers(body).get('code'));
}
