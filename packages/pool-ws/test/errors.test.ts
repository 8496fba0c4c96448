import { describe, expect, it } from 'vitest';
import { kindOf, WebSocketError } from '../src/errors.ts';

describe('kindOf', () => {
  it('is that of a WebSocketError of any copy of the class, and retry for others', () => {
    const copy = Object.assign(new Error('x'), { name: 'WebSocketError', code: 'WS_CLOSED', kind: 'backoff' });
    expect(kindOf(copy)).toBe('backoff');
    expect(kindOf(new WebSocketError('WS_REMOTE_ERROR', 'login refused'))).toBe('fatal');
    expect(kindOf(new Error('x'))).toBe('retry');
  });
});
