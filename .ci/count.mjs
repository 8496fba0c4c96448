// Adds up the test reports of all packages into the closing line of a CI run; a package without a report fails it.
import { existsSync, readdirSync, readFileSync } from 'node:fs';

const sum = { passed: 0, failed: 0, skipped: 0 };
for (const area of ['packages', 'apps']) {
  for (const name of readdirSync(area)) {
    const manifest = `${area}/${name}/package.json`;
    if (!existsSync(manifest) || !JSON.parse(readFileSync(manifest, 'utf8')).scripts?.test) continue;
    const report = JSON.parse(readFileSync(`${area}/${name}/.results/tests.json`, 'utf8'));
    sum.passed += report.numPassedTests;
    sum.failed += report.numFailedTests;
    sum.skipped += report.numPendingTests;
  }
}
if (process.env.CI === 'true') {
  // Where a program is missing its tests are skipped by name; CI has installed them all.
  sum.failed += sum.skipped;
}
console.log(`${sum.passed} passed, ${sum.failed} failed`);
process.exitCode = sum.failed > 0 || sum.passed === 0 ? 1 : 0;
