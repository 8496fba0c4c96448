import type { InvalidationBus } from '@forge/cache';
import type { Random } from './random.ts';

/** In ms. */
const LONGEST_DELAY = 300;

/** A bus that brings every frame twice, each time late by another while: repeated and out of order. */
export function unrulyBus(bus: InvalidationBus, random: Random): InvalidationBus {
  return {
    publish: (frame) => bus.publish(frame),
    subscribe: (onFrame, onInterrupted) => {
      const bring = (frame: string): void => void setTimeout(() => onFrame(frame), random() * LONGEST_DELAY);
      return bus.subscribe((frame) => {
        bring(frame);
        bring(frame);
      }, onInterrupted);
    },
  };
}
