import { suite } from '@forge/config/vitest';

/** Two at a time even on two cores: they wait for their servers more than they work. */
export default { ...suite, test: { ...suite.test, maxWorkers: 2 } };
