import type { EventEmitter } from 'node:events';

/**
 * Emits one event whose object is built only when somebody listens. A listener that throws breaks neither the operation
 * nor the other listeners: its error becomes a process warning.
 */
export function emit(emitter: EventEmitter, name: string, build: () => object): void {
  if (emitter.listenerCount(name) === 0) return;
  const event = Object.freeze(build());
  for (const listener of emitter.rawListeners(name)) {
    try {
      listener.call(emitter, event);
    } catch (error) {
      process.emitWarning(error instanceof Error ? error : new Error(`A ${name} listener threw ${String(error)}`));
    }
  }
}
