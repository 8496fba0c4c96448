import { LRUCache } from 'lru-cache';
import type { Setup } from '../../src/bench.ts';
import { contestant, type Value } from './load.ts';

export const setup: Setup = contestant((entries) => new LRUCache<string, Value>({ max: entries }));
