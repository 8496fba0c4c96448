import { LRUCache } from 'lru-cache';
import type { Setup } from '../../src/bench.ts';
import { CAPACITY, contestant, type Value } from './load.ts';

export const setup: Setup = contestant(() => new LRUCache<string, Value>({ max: CAPACITY }));
