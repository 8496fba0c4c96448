import { PoolError } from '@forge/pool';
import { describe, expect, it } from 'vitest';
import { classifyError, inWordsOfPgPool, tellsOfOutage } from '../src/errors.ts';

const coded = (code: string): Error => Object.assign(new Error('no'), { code });

describe('classifyError', () => {
  it.each([
    ['57P01', 'use', 'outage'],
    ['57P02', 'idle', 'outage'],
    ['57P03', 'create', 'outage'],
    ['25006', 'use', 'outage'],
    ['ECONNRESET', 'idle', 'outage'],
    ['ECONNRESET', 'create', 'retryable'],
    ['ECONNREFUSED', 'create', 'retryable'],
    ['ENOTFOUND', 'create', 'retryable'],
    ['53300', 'create', 'overloaded'],
    ['28P01', 'create', 'fatal'],
    ['28000', 'create', 'fatal'],
    ['3D000', 'create', 'fatal'],
    ['42501', 'create', 'fatal'],
    ['42501', 'use', 'retryable'],
    ['CERT_HAS_EXPIRED', 'create', 'fatal'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'create', 'fatal'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'create', 'fatal'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'create', 'fatal'],
    ['23505', 'use', 'retryable'],
  ] as const)('takes %s while it is in phase %s for %s', (code, phase, kind) => {
    expect(classifyError(coded(code), phase)).toBe(kind);
  });

  it.each([undefined, null, 5, 'text', {}, { code: 5, message: 7 }])('takes %j for one that may pass', (error) => {
    expect(classifyError(error, 'create')).toBe('retryable');
  });
});

describe('tellsOfOutage', () => {
  it('takes a refused write for news only where writes were possible', () => {
    expect([tellsOfOutage(coded('25006'), false), tellsOfOutage(coded('25006'), true)]).toEqual([true, false]);
    expect([tellsOfOutage(coded('57P01'), true), tellsOfOutage(coded('23505'), false)]).toEqual([true, false]);
  });
});

describe('inWordsOfPgPool', () => {
  it('gives the error of the driver as it is', () => {
    const cause = coded('28P01');
    expect(inWordsOfPgPool(new PoolError('POOL_CREATE_FAILED', 'wrapped', { cause }))).toBe(cause);
    expect(inWordsOfPgPool(cause)).toBe(cause);
  });

  it('keeps the code and the state where pg-pool has words of its own', () => {
    const state = { waited: 5, pending: 3, total: 2, leased: 2 };
    expect(inWordsOfPgPool(new PoolError('POOL_ACQUIRE_TIMEOUT', 'ours', state))).toMatchObject({
      ...state,
      code: 'POOL_ACQUIRE_TIMEOUT',
      message: 'timeout exceeded when trying to connect',
    });
    const full = new PoolError('POOL_QUEUE_FULL', 'ours', state);
    expect(inWordsOfPgPool(full)).toBe(full);
  });
});
