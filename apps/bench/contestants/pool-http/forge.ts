import { HttpPool } from '@forge/pool-http';
import type { Setup } from '../../src/bench.ts';
import { contestant } from './load.ts';

export const setup: Setup = contestant((_, connections) => new HttpPool({ connections }));
