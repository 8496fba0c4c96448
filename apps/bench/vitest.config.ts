import { suite } from '@forge/config/vitest';

// Tests that start several processes take their time when the machine is busy.
export default { ...suite, test: { ...suite.test, testTimeout: 60_000 } };
