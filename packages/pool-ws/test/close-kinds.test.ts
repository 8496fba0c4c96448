import { describe, expect, it } from 'vitest';
import { closeKind, handshakeKind, statusKind } from '../src/close-kinds.ts';

describe('closeKind', () => {
  it.each([
    ['retry', [1000, 1001, 1005, 1006, 1011, 1015, 3999, 4000, 4002, 4400, 4404, 4408, 4409, 4500, 4999]],
    ['backoff', [1012, 1013, 1014, 4429, 4503]],
    ['refused', [1002, 1003, 1007, 1009]],
    ['fatal', [1008, 1010, 3000, 3003, 4401, 4403]],
  ] as const)('is %s for %j', (kind, codes) => {
    expect(codes.map(closeKind)).toEqual(codes.map(() => kind));
  });
});

describe('statusKind', () => {
  it.each([
    ['retry', [200, 408, 425, 500, 502, 504]],
    ['backoff', [429, 503]],
    ['fatal', [301, 400, 401, 403, 404, 426]],
  ] as const)('is %s for %j', (kind, codes) => {
    expect(codes.map(statusKind)).toEqual(codes.map(() => kind));
  });
});

describe('handshakeKind', () => {
  it.each([
    [
      'fatal',
      [
        'CERT_HAS_EXPIRED',
        'DEPTH_ZERO_SELF_SIGNED_CERT',
        'SELF_SIGNED_CERT_IN_CHAIN',
        'ERR_TLS_CERT_ALTNAME_INVALID',
        'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      ],
    ],
    ['retry', ['ECONNREFUSED', 'ENOTFOUND', 'ECONNRESET', 'EMFILE', undefined]],
  ] as const)('is %s for %j', (kind, codes) => {
    expect(codes.map((code) => handshakeKind(Object.assign(new Error(), { code })))).toEqual(codes.map(() => kind));
  });

  it('is fatal for an address that ws refuses, and harmless for what is no error', () => {
    expect(handshakeKind(new SyntaxError('Invalid URL'))).toBe('fatal');
    expect(handshakeKind(undefined)).toBe('retry');
  });
});
