/**
 * What every core needs and no user sees: each part is a function of data or a structure without identity.
 * It is inlined at build, so that a core stays free of dependencies.
 * @module
 */
export { AbortWatch } from './abort-watch.ts';
export { callQuietly } from './callbacks.ts';
export { monotonic, type Clock } from './clock.ts';
export { coarse } from './coarse-clock.ts';
export { Deadlines, type Deadline } from './deadlines.ts';
export { emit } from './emit.ts';
export { List, type Link } from './list.ts';
export { Measures, type MeasureListener } from './measures.ts';
export {
  choiceOption,
  clockOption,
  functionOption,
  numberOption,
  objectOption,
  signalOption,
  stringOption,
  type NumberRange,
} from './options.ts';
export { randomRatios } from './random-ratios.ts';
export { after, LONGEST_DELAY } from './timers.ts';
