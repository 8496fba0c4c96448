import type { EventEmitter } from 'node:events';
import { callQuietly } from './callbacks.ts';

/**
 * Emits one event whose object is built only when somebody listens. A listener that fails breaks neither the operation
 * nor the other listeners: its error becomes a process warning.
 */
export function emit(emitter: EventEmitter, name: string, build: () => object): void {
  if (emitter.listenerCount(name) === 0) return;
  const event = Object.freeze(build());
  for (const listener of emitter.rawListeners(name)) callQuietly(() => listener.call(emitter, event) as unknown);
}
