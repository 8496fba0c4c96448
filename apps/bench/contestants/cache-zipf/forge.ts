import { MemoryCache } from '@forge/cache';
import type { Setup } from '../../src/bench.ts';
import { CAPACITY, contestant, type Value } from './load.ts';

export const setup: Setup = contestant(() => new MemoryCache<Value>({ maxSize: CAPACITY }));
