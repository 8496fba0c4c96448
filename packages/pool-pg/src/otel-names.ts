/**
 * What the metrics and measures of a pool are called in OpenTelemetry's conventions for database clients; durations are
 * in seconds there, and each of them carries `db.client.connection.pool.name`. A metric that is not here has no name there.
 */
export const OTEL_NAMES: Readonly<Record<string, string>> = Object.freeze({
  availableConnections: 'db.client.connection.count{state=idle}',
  inUseConnections: 'db.client.connection.count{state=used}',
  max: 'db.client.connection.max',
  min: 'db.client.connection.idle.min',
  pending: 'db.client.connection.pending_requests',
  timeouts: 'db.client.connection.timeouts',
  wait: 'db.client.connection.wait_time',
  create: 'db.client.connection.create_time',
  use: 'db.client.connection.use_time',
});
