/** A configuration that cannot be run. Its message is one line that names the place, what was expected and what came. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'GATEWAY_CONFIG_INVALID';
}
