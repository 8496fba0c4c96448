import { HttpPool } from '@forge/pool-http';
import { contestant, type Setup } from './load.ts';

export const setup: Setup = contestant((_, connections) => new HttpPool({ connections }));
