/** A duration in milliseconds; `Infinity` is no limit. */
export type Milliseconds = number;
/** A whole number of bytes. */
export type Bytes = number;
/** 0 to 100. */
export type Percent = number;
/** 0 to 1. */
export type Ratio = number;
