import { ErrorCode, type Rejection } from './errors.ts';
import { isObject, type ClientParams } from './message.ts';
import { forwardedMethod } from './methods.ts';
import { LEGACY_VERSIONS, META, MODERN_VERSION, UNNAMED_VERSION, type Era } from './versions.ts';

/** The HTTP headers that the protocol mirrors from the body, lower-case as node:http gives them. */
export type MessageHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Which era a message belongs to, and what its envelope says about the client. */
export interface Envelope {
  readonly era: Era;
  readonly protocolVersion: string;
  /** As the client declares them; empty in the legacy era, where the session knows. */
  readonly clientCapabilities: Readonly<Record<string, unknown>>;
  /** The `Mcp-Param-*` headers of the modern era, which an upstream checks against the arguments. */
  readonly paramHeaders: Readonly<Record<string, string>>;
}

export type Classified = { readonly envelope: Envelope } | { readonly rejection: Rejection };

const NONE: Readonly<Record<string, never>> = Object.freeze({});

/**
 * Finds a message's era and, in the modern one, checks its envelope and that the headers agree with the body.
 *
 * A message is modern when its `_meta` names a protocol version or its header names one that is not a legacy one; all
 * decisions are made from the body, a header can only contradict it.
 *
 * 2026-07-28: Base protocol (versioning), Transports (headers that mirror the body).
 */
export function classify(
  method: string,
  params: ClientParams,
  headers: MessageHeaders,
  isRequest: boolean,
): Classified {
  const header = one(headers['mcp-protocol-version']);
  const named = params.meta?.[META.protocolVersion];
  const isLegacy = named === undefined && (header === undefined || LEGACY_VERSIONS.includes(header));
  if (isLegacy) {
    const protocolVersion = header ?? UNNAMED_VERSION;
    return { envelope: { era: 'legacy', protocolVersion, clientCapabilities: NONE, paramHeaders: NONE } };
  }
  const rejection = isRequest ? modernFault(method, params, headers, header) : undefined;
  if (rejection !== undefined) return { rejection };
  const capabilities = params.meta?.[META.clientCapabilities];
  return {
    envelope: {
      era: 'modern',
      protocolVersion: MODERN_VERSION,
      clientCapabilities: isObject(capabilities) ? capabilities : NONE,
      paramHeaders: paramHeadersOf(headers),
    },
  };
}

function paramHeadersOf(headers: MessageHeaders): Readonly<Record<string, string>> {
  const found = Object.entries(headers).filter(
    ([name, value]) => name.startsWith('mcp-param-') && typeof value === 'string',
  );
  return found.length === 0 ? NONE : (Object.fromEntries(found) as Record<string, string>);
}

function modernFault(
  method: string,
  params: ClientParams,
  headers: MessageHeaders,
  versionHeader: string | undefined,
): Rejection | undefined {
  const version = params.meta?.[META.protocolVersion];
  if (typeof version !== 'string') {
    return invalid(`Invalid params: protocol version ${versionHeader} requires _meta["${META.protocolVersion}"]`);
  }
  if (versionHeader !== version) return mismatch('MCP-Protocol-Version', versionHeader, version);
  if (version !== MODERN_VERSION) {
    return {
      status: 400,
      code: ErrorCode.unsupportedVersion,
      message: `Unsupported protocol version: ${version}`,
      data: { supported: [MODERN_VERSION], requested: version },
    };
  }
  if (!isObject(params.meta?.[META.clientCapabilities])) {
    return invalid(`Invalid params: _meta["${META.clientCapabilities}"] must be an object`);
  }
  const methodHeader = one(headers['mcp-method']);
  if (methodHeader !== method) return mismatch('Mcp-Method', methodHeader, method);
  const member = forwardedMethod(method)?.nameMember;
  if (member === undefined) return undefined;
  const name = params.value[member];
  const nameHeader = decodeHeader(one(headers['mcp-name']));
  return typeof name === 'string' && nameHeader !== name ? mismatch('Mcp-Name', nameHeader, name) : undefined;
}

function invalid(message: string): Rejection {
  return { status: 400, code: ErrorCode.invalidParams, message };
}

function mismatch(header: string, got: string | undefined, body: string): Rejection {
  return {
    status: 400,
    code: ErrorCode.headerMismatch,
    message: `Bad Request: the body says ${JSON.stringify(body)} but the ${header} header ${got === undefined ? 'is missing' : `says ${JSON.stringify(got)}`}`,
    data: { mismatch: { header: got ?? '(missing)', body } },
  };
}

function one(header: string | readonly string[] | undefined): string | undefined {
  return typeof header === 'string' || header === undefined ? header : header[0];
}

const BASE64_FORM = /^=\?base64\?([A-Za-z0-9+/=]*)\?=$/;

/** Reads a header value that may be in the sentinel form `=?base64?…?=`. */
function decodeHeader(value: string | undefined): string | undefined {
  const encoded = value === undefined ? undefined : BASE64_FORM.exec(value)?.[1];
  return encoded === undefined ? value : Buffer.from(encoded, 'base64').toString('utf8');
}

/** Writes a value so that it survives as an HTTP header: as it is, or in the sentinel form `=?base64?…?=`. */
export function encodeHeader(value: string): string {
  const plain = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value) && !BASE64_FORM.test(value);
  return plain ? value : `=?base64?${Buffer.from(value, 'utf8').toString('base64')}?=`;
}
