import { LRUCache } from 'lru-cache';
import type { Setup } from '../../src/bench.ts';
import { contestant } from './load.ts';

export const setup: Setup = contestant((entries) => new LRUCache<string, object>({ max: entries }));
