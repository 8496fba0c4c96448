#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { ConfigError } from './config/config-error.ts';
import { loadConfig } from './config/load.ts';
import { self } from './self.ts';

const HELP = `forge-gateway: an MCP gateway that caches, pools, merges and measures

  forge-gateway --config FILE

  --config FILE   the mcpServers of Claude, Cursor or VS Code, in JSON5,
                  with an optional "forge" section
  --help          this text
  --version       the version

It serves MCP at /mcp (Streamable HTTP), figures at /metrics, and a page at /.
Exit codes: 0 stopped by a signal, 1 could not run, 2 wrong arguments or configuration.
`;

async function main(): Promise<number> {
  // Whoever reads the log may stop reading it; that is no reason to end.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  const options = readArguments();
  if (typeof options === 'number') return options;
  const log = (line: string): void => {
    process.stderr.write(`forge-gateway: ${line}\n`);
  };
  if (!isNodeSupported(process.versions.node)) {
    log(`Node 22.19 or newer is needed, this is ${process.versions.node}`);
    return 1;
  }
  try {
    // Not before the check: undici does not load on an older Node.
    const { startGateway } = await import('./gateway.ts');
    const gateway = await startGateway(await loadConfig(options.config), { log });
    log(`MCP at ${gateway.url}/mcp, figures at ${gateway.url}/metrics, status at ${gateway.url}/`);
    log(`stopping on ${await terminationSignal()}`);
    await gateway.close();
    return 0;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    log(code === 'EADDRINUSE' ? `${message}; set forge.port to a free port, or 0 for any` : message);
    return error instanceof ConfigError ? 2 : 1;
  }
}

function isNodeSupported(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 22 || (major === 22 && minor >= 19);
}

function readArguments(): { readonly config: string } | number {
  try {
    const { values } = parseArgs({
      options: { config: { type: 'string' }, help: { type: 'boolean' }, version: { type: 'boolean' } },
    });
    if (values.help === true) process.stdout.write(HELP);
    else if (values.version === true) process.stdout.write(`${self.version}\n`);
    else if (values.config !== undefined) return { config: values.config };
    else throw new Error('--config FILE is missing');
    return 0;
  } catch (error) {
    process.stderr.write(`forge-gateway: ${(error as Error).message}\n\n${HELP}`);
    return 2;
  }
}

function terminationSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    // They stay caught: a second one must not end the gateway before its upstreams have ended.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, resolve);
  });
}

process.exitCode = await main();
