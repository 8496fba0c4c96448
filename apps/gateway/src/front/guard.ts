import type { IncomingMessage } from 'node:http';

const LOOPBACK: readonly string[] = ['localhost', '127.0.0.1', '[::1]'];

export interface GuardOptions {
  /** Where the gateway listens. */
  readonly host: string;
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
}

/** Says why a request is refused; undefined lets it in. */
export type Guard = (request: IncomingMessage) => string | undefined;

/**
 * Refuses what a web page could make a browser send: a `Host` that is not ours (DNS rebinding lends a page's name to a
 * loopback address) and an `Origin` that was not allowed (2026-07-28, Transports, security warning).
 */
export function hostAndOriginGuard({ host, allowedHosts, allowedOrigins }: GuardOptions): Guard {
  const hosts = new Set(
    [...LOOPBACK, host.includes(':') ? `[${host}]` : host, ...allowedHosts].map((name) => name.toLowerCase()),
  );
  const origins = new Set(allowedOrigins.map((origin) => origin.toLowerCase()));
  return ({ headers }) => {
    const name = hostname(headers.host);
    if (name === undefined || !hosts.has(name)) {
      return `Host ${JSON.stringify(headers.host ?? '')} is not allowed; add it to forge.allowedHosts`;
    }
    const origin = headers.origin?.toLowerCase();
    if (origin === undefined || origins.has(origin) || LOOPBACK.includes(originHostname(origin) ?? ''))
      return undefined;
    return `Origin ${JSON.stringify(headers.origin)} is not allowed; add it to forge.allowedOrigins`;
  };
}

function hostname(host: string | undefined): string | undefined {
  return host === undefined ? undefined : /^(\[[0-9a-f:.]+\]|[^:/@\s]+)(?::\d+)?$/i.exec(host)?.[1]?.toLowerCase();
}

function originHostname(origin: string): string | undefined {
  const authority = /^https?:\/\/([^/?#@]+)$/.exec(origin)?.[1];
  return hostname(authority);
}
