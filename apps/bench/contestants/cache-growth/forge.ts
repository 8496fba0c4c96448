import { MemoryCache } from '@forge/cache';
import type { Setup } from '../../src/bench.ts';
import { contestant, type Value } from './load.ts';

export const setup: Setup = contestant((entries) => new MemoryCache<Value>({ maxSize: entries }));
