import { MemoryCache } from '@forge/cache';
import type { Setup } from '../../src/bench.ts';
import { contestant } from './load.ts';

export const setup: Setup = contestant((entries) => new MemoryCache<object>({ maxSize: entries }));
