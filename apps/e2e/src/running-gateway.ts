import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Consumer } from './consumer.ts';

export interface RunningGateway {
  /** Where it says that it serves MCP. */
  readonly url: string;
  /** Asks it to stop and gives its exit code. */
  stop(): Promise<number | null>;
}

/** Starts the installed `forge-gateway` with a configuration. @throws Error with its log when it ends before it serves */
export async function runGateway(consumer: Consumer, config: object): Promise<RunningGateway> {
  await writeFile(join(consumer.folder, 'gateway.json5'), JSON.stringify(config));
  const child = consumer.start('forge-gateway', ['--config', 'gateway.json5']);
  const exit = once(child, 'exit') as Promise<[number | null]>;
  const stop = async (): Promise<number | null> => {
    child.kill();
    return (await exit)[0];
  };
  const log: string[] = [];
  for await (const line of createInterface({ input: child.stderr })) {
    log.push(line);
    const [url] = /http:\S+\/mcp/.exec(line) ?? [];
    if (url !== undefined) return { url, stop };
  }
  throw new Error(`Cannot use forge-gateway: it ended with exit code ${(await exit)[0]}\n${log.join('\n')}`);
}
