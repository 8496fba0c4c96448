import type { Setup } from '../../src/bench.ts';
import { contestant, type Value } from './load.ts';

export const setup: Setup = contestant(() => new Map<string, Value>());
