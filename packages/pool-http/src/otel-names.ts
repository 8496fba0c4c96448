/**
 * What OpenTelemetry's semantic conventions call a metric of `getMetrics()`, or a measure of `onMeasure`; braces hold the
 * attributes that tell metrics of one name apart. Measures are milliseconds here and seconds there.
 *
 * https://opentelemetry.io/docs/specs/semconv/http/http-metrics/
 */
export const OTEL_NAMES: Readonly<Record<string, string>> = Object.freeze({
  availableConnections: 'http.client.open_connections{http.connection.state=idle}',
  inUseConnections: 'http.client.open_connections{http.connection.state=active}',
  leases: 'http.client.active_requests',
  connection: 'http.client.connection.duration',
  use: 'http.client.request.duration',
});
