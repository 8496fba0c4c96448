import { monotonic, type Clock } from './clock.ts';

export interface NumberRange {
  /** @default 0 */
  readonly min?: number;
  /** @default Infinity, which is itself allowed: no limit */
  readonly max?: number;
  readonly integer?: boolean;
}

/**
 * Returns `value`, checked; `undefined` gives the default.
 *
 * @param subject completes the sentence "Cannot …", such as `create a ConnectionPool`
 * @throws TypeError when it is no number, RangeError when it is out of range
 */
export function numberOption(
  subject: string,
  name: string,
  value: number | undefined,
  fallback: number,
  range: NumberRange = {},
): number {
  if (value === undefined) return fallback;
  const { min = 0, max = Infinity, integer = false } = range;
  if (typeof value !== 'number' || Number.isNaN(value)) refuse(subject, name, 'a number', value);
  const inRange = value >= min && value <= max && (!integer || Number.isInteger(value) || value === Infinity);
  if (inRange) return value;
  const upTo = max === Infinity ? '' : ` and <= ${max}`;
  const bounds = `${integer ? 'an integer ' : ''}>= ${min}${upTo}`;
  throw new RangeError(`Cannot ${subject}: ${name} must be ${bounds}, got ${value}`);
}

/** @throws TypeError when `value` is none of `choices` */
export function choiceOption<T extends string | boolean>(
  subject: string,
  name: string,
  value: T | undefined,
  choices: readonly [T, ...T[]],
): T {
  if (value !== undefined && !choices.includes(value)) refuse(subject, name, `one of ${choices.join(', ')}`, value);
  return value ?? choices[0];
}

/** @throws TypeError when `value` is neither a function nor, where `optional`, undefined */
export function functionOption(subject: string, name: string, value: unknown, optional = false): void {
  if (typeof value !== 'function' && !(optional && value === undefined)) refuse(subject, name, 'a function', value);
}

/** @throws TypeError when `value` is no object, so that a forgotten argument is told by its name */
export function objectOption(subject: string, name: string, value: unknown): void {
  if (typeof value !== 'object' || value === null) refuse(subject, name, 'an object', value);
}

/** @throws TypeError when `value` is no string */
export function stringOption(subject: string, name: string, value: unknown): void {
  if (typeof value !== 'string') refuse(subject, name, 'a string', value);
}

/** @throws TypeError when `value` is neither undefined nor an AbortSignal of any make: some are no instance of our class */
export function signalOption(subject: string, value: unknown): void {
  if (value === undefined) return;
  const isSignal = typeof value === 'object' && value !== null && 'aborted' in value && 'addEventListener' in value;
  if (!isSignal) refuse(subject, 'signal', 'an AbortSignal', value);
}

/** The clock, or the process's where none is given. @throws TypeError when its `now` gives no number */
export function clockOption(subject: string, clock: Clock | undefined): Clock {
  if (clock === undefined) return monotonic;
  functionOption(subject, 'clock.now', Reflect.get(Object(clock) as object, 'now'));
  const now: unknown = clock.now();
  if (typeof now === 'number' && !Number.isNaN(now)) return clock;
  throw new TypeError(`Cannot ${subject}: clock.now() must return a number, got ${show(now)}`);
}

function refuse(subject: string, name: string, what: string, value: unknown): never {
  throw new TypeError(`Cannot ${subject}: ${name} must be ${what}, got ${show(value)}`);
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
}
