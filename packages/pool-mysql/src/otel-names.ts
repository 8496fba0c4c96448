/**
 * What OpenTelemetry's semantic conventions call a metric of `getMetrics()`, or a measure (`wait`, `create`, `use`) of
 * `onMeasure`; braces hold the attributes that tell metrics of one name apart. Measures are milliseconds here and seconds
 * there. Each metric there also carries `db.client.connection.pool.name`.
 *
 * https://opentelemetry.io/docs/specs/semconv/database/database-metrics/
 */
export const OTEL_NAMES: Readonly<Record<string, string>> = Object.freeze({
  availableConnections: 'db.client.connection.count{db.client.connection.state=idle}',
  inUseConnections: 'db.client.connection.count{db.client.connection.state=used}',
  maxConnections: 'db.client.connection.max',
  maxIdleConnections: 'db.client.connection.idle.max',
  minConnections: 'db.client.connection.idle.min',
  pending: 'db.client.connection.pending_requests',
  timeouts: 'db.client.connection.timeouts',
  wait: 'db.client.connection.wait_time',
  create: 'db.client.connection.create_time',
  use: 'db.client.connection.use_time',
});
