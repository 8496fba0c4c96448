import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { hitRatioPage, replayAll } from './hit-ratio.ts';

const { values } = parseArgs({ options: { scarab: { type: 'string' } } });
const page = hitRatioPage(replayAll(values.scarab === undefined ? undefined : pathToFileURL(`${values.scarab}/`)));
process.stdout.write(page);
writeFileSync(new URL('../results/hit-ratio.md', import.meta.url), page);
