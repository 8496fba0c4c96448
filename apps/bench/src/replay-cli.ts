import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { hitRatioPage, replayAll } from './hit-ratio.ts';

const HELP = `pnpm -C apps/bench replay [--scarab FOLDER]

Runs the recorded traces through MemoryCache, lru-cache and the best possible policy, and prints the hit ratios.

  --scarab FOLDER  adds the trace that is not in the repository; only then is the table whole and kept in results
  --help           print this
`;

const { values } = parseArgs({ options: { scarab: { type: 'string' }, help: { type: 'boolean' } } });
if (values.help === true) {
  process.stdout.write(HELP);
} else {
  const { scarab } = values;
  const page = hitRatioPage(replayAll(scarab === undefined ? undefined : pathToFileURL(`${scarab}/`)));
  process.stdout.write(page);
  if (scarab === undefined) process.stdout.write('\nNot kept: without --scarab FOLDER one trace is missing.\n');
  else writeFileSync(new URL('../results/hit-ratio.md', import.meta.url), page);
}
