import { Pool } from 'undici';
import type { Setup } from '../../src/bench.ts';
import { contestant } from './load.ts';

export const setup: Setup = contestant((origin, connections) => new Pool(origin, { connections }));
