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
  { min = 0, max = Infinity, integer = false }: NumberRange = {},
): number {
  if (value === undefined) return fallback;
  if (typeof value !== 'number' || Number.isNaN(value)) {
    throw new TypeError(`Cannot ${subject}: ${name} must be a number, got ${show(value)}`);
  }
  const inRange = value >= min && value <= max && (!integer || Number.isInteger(value) || value === Infinity);
  if (inRange) return value;
  const upTo = max === Infinity ? '' : ` and <= ${max}`;
  throw new RangeError(
    `Cannot ${subject}: ${name} must be ${integer ? 'an integer ' : ''}>= ${min}${upTo}, got ${value}`,
  );
}

/** @throws TypeError when `value` is none of `choices` */
export function choiceOption<T extends string>(
  subject: string,
  name: string,
  value: T | undefined,
  choices: readonly [T, ...T[]],
): T {
  if (value === undefined) return choices[0];
  if (choices.includes(value)) return value;
  throw new TypeError(`Cannot ${subject}: ${name} must be one of ${choices.join(', ')}, got ${show(value)}`);
}

/** @throws TypeError when `value` is neither a function nor, where `optional`, undefined */
export function functionOption(subject: string, name: string, value: unknown, optional = false): void {
  if (typeof value === 'function' || (optional && value === undefined)) return;
  throw new TypeError(`Cannot ${subject}: ${name} must be a function, got ${show(value)}`);
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
}
