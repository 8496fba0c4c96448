/** What may go wrong while a monitor runs. Test `error.code`, not `instanceof`: two copies of the package may be loaded. */
export type MonitorErrorCode = 'MONITOR_SOURCE_FAILED' | 'MONITOR_CLOSED';

export class MonitorError extends Error {
  override readonly name = 'MonitorError';
  readonly code: MonitorErrorCode;

  constructor(code: MonitorErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
