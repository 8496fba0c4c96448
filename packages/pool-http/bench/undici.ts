import { Pool } from 'undici';
import { contestant, type Setup } from './load.ts';

export const setup: Setup = contestant((origin, connections) => new Pool(origin, { connections }));
