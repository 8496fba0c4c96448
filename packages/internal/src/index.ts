/**
 * What every core needs and no user sees: each part is a function of data or a structure without identity.
 * It is inlined at build, so that a core stays free of dependencies.
 *
 * @module
 */
export { monotonic, type Clock } from './clock.ts';
export { Deadlines, type Deadline } from './deadlines.ts';
export { emit } from './emit.ts';
export { Measures, type MeasureListener } from './measures.ts';
export { choiceOption, functionOption, numberOption, type NumberRange } from './options.ts';
