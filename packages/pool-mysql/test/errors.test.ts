import { PoolError } from '@forge/pool';
import { describe, expect, it } from 'vitest';
import { acquireError, classifyError, isReadOnly, neverArrived } from '../src/errors.ts';

const made = (fields: object, message = 'It failed'): Error => Object.assign(new Error(message), fields);

describe('neverArrived', () => {
  it.each([
    ['a write that failed', { syscall: 'write', code: 'ECONNRESET' }, true],
    ['a pipe that was closed', { code: 'EPIPE' }, true],
    ['ER_CLIENT_INTERACTION_TIMEOUT, which MySQL says before it hangs up', { errno: 4031 }, true],
    ['a read that failed: the statement may have been read', { syscall: 'read', code: 'ECONNRESET' }, false],
    ['a connection that was lost', { code: 'PROTOCOL_CONNECTION_LOST' }, false],
    ['an answer', { errno: 1064 }, false],
  ])('is right about %s', (_, fields, expected) => {
    expect(neverArrived(made(fields))).toBe(expected);
  });
});

describe('classifyError', () => {
  it.each([
    ['fatal', { errno: 1045 }],
    ['fatal', { errno: 1044 }],
    ['fatal', { errno: 1049 }],
    ['fatal', { errno: 1251 }],
    ['fatal', { code: 'HANDSHAKE_NO_SSL_SUPPORT' }],
    ['fatal', { code: 'HANDSHAKE_SSL_ERROR' }],
    ['overloaded', { errno: 1040 }],
    ['overloaded', { errno: 1203 }],
    ['overloaded', { errno: 1226 }],
    ['retryable', { code: 'HANDSHAKE_SSL_ERROR', syscall: 'read' }],
    ['retryable', { code: 'ECONNREFUSED', syscall: 'connect' }],
    ['retryable', { errno: 1053 }],
  ] as const)('is %s for a create that fails by %o', (expected, fields) => {
    expect(classifyError(made(fields), 'create')).toBe(expected);
  });

  it('is retryable for what a connection says that exists already, and for what is no error', () => {
    expect(classifyError(made({ errno: 1045 }), 'use')).toBe('retryable');
    expect(classifyError('text', 'create')).toBe('retryable');
  });
});

describe('isReadOnly', () => {
  it.each([
    [1290, 'The MySQL server is running with the --read-only option', true],
    [1290, 'The MySQL server is running with the --super-read-only option', true],
    [1290, 'running with the LOCK_WRITE_GROWTH option so it cannot execute; read_only', true],
    [1290, 'running with the --secure-file-priv option', false],
    [1792, 'Cannot execute statement in a READ ONLY transaction', true],
    [1836, 'Running in read-only mode', true],
    [1064, 'read-only', false],
  ])('of %i "%s" is %s', (errno, message, expected) => {
    expect(isReadOnly(made({ errno }, message))).toBe(expected);
  });
});

describe('acquireError', () => {
  it('gives the error of the driver where there is one', () => {
    const cause = made({ code: 'ECONNREFUSED' });
    expect(acquireError(new PoolError('POOL_CREATE_FAILED', 'no', { cause }), true)).toBe(cause);
    const bare = new PoolError('POOL_CREATE_FAILED', 'no');
    expect(acquireError(bare, true)).toBe(bare);
  });

  it.each([
    ['POOL_CLOSED', true, 'Pool is closed.'],
    ['POOL_QUEUE_FULL', true, 'Queue limit reached.'],
    ['POOL_QUEUE_FULL', false, 'No connections available.'],
    ['POOL_UNAVAILABLE', true, 'as it was'],
  ] as const)('says of %s what mysql2 says, if anything', (code, waits, message) => {
    expect(acquireError(new PoolError(code, 'as it was'), waits)).toMatchObject({ code, message });
  });

  it('leaves the reason of a signal as it is', () => {
    expect(acquireError('a reason', true)).toBe('a reason');
  });
});
