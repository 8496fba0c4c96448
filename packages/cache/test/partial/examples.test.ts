import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const SAYS = {
  collection: `
load 0,1
load 2,3,9
load 1
Ada, Alan Turing, Edsger`,
  ranges: `
origin sends 0-399
answer bytes 0-399/1000 aaa
origin sends 400-599
answer bytes 200-599/1000 aaa
answer bytes 100-499/1000 aaa
origin sends 600-699
origin sends 500-599
answer bytes 500-699/1000 bbb`,
  fragments: `
load name
load stock
load footer
render product
render page
Teapot: 3 left <footer>
load stock
unchanged
load stock
render product
render page
Teapot: 2 left <footer>`,
  deltas: `
full true
unchanged
patch {"card8":null,"card7":{"done":true}}
true`,
  stream: `
producer starts
first: Lilac shoots beneath the window
late: Lilac shoots beneath the window
after the end: Lilac shoots beneath the window
stopped true`,
};

describe('examples', () => {
  it.concurrent.each(Object.entries(SAYS))(
    'partial-%s.ts prints what it shows and exits',
    { timeout: 30_000 },
    async (name, says) => {
      const example = fileURLToPath(new URL(`../../examples/partial-${name}.ts`, import.meta.url));
      const options = { timeout: 20_000 };
      const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=@forge/source', example], options);
      expect(stdout.trim()).toBe(says.trim());
    },
  );
});
