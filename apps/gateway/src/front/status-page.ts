import type { UpstreamState } from '../upstreams/upstream.ts';
import type { FrontContext } from './context.ts';

/** Seconds after which the page loads itself again. */
const REFRESH = 2;

/** The gateway's figures as one page without a script, from the `getMetrics()` of the four. */
export function statusPage({ cache, monitor, router, sessions }: FrontContext): string {
  const kept = cache.getMetrics();
  const seen = monitor.getMetrics();
  const states = router.upstreams.map(({ state }) => state);
  const merged = kept.coalesced + sum(states.map(({ batcher }) => batcher.deduplicated));
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="refresh" content="${REFRESH}">
<meta name="viewport" content="width=device-width">
<title>Forge gateway</title>
<style>
  :root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }
  body { margin: 2rem auto; max-width: 68rem; padding: 0 1rem }
  dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem; margin: 1rem 0 2rem }
  dl > div { border: 1px solid #8884; border-radius: .5rem; padding: .6rem .8rem }
  dt { opacity: .75; font-size: .85rem } dd { margin: 0; font-size: 1.5rem; font-variant-numeric: tabular-nums }
  table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
  th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #8884; vertical-align: top }
  .wide { overflow-x: auto }
</style>
<h1>Forge gateway</h1>
<h2>Requests</h2>
<dl>
${figure('answered', String(seen.requestCount))}
${figure('per second', seen.throughput.toFixed(1))}
${figure('p50', milliseconds(seen.p50Latency))}
${figure('p95', milliseconds(seen.p95Latency))}
${figure('p99', milliseconds(seen.p99Latency))}
${figure('errors', `${seen.errorRate.toFixed(1)} %`)}
${figure('CPU', `${seen.cpuUsage.toFixed(1)} %`)}
${figure('memory', `${seen.memoryUsage.toFixed(1)} %`)}
</dl>
<h2>Cache and merging</h2>
<dl>
${figure('hits', String(kept.hits))}
${figure('misses', String(kept.misses))}
${figure('hit rate', `${kept.hitRate.toFixed(1)} %`)}
${figure('merged calls', String(merged))}
${figure('entries', String(kept.size))}
${figure('bytes kept', kept.totalSize.toLocaleString('en'))}
${figure('legacy sessions', String(sessions.size))}
</dl>
<h2>Upstreams</h2>
<div class="wide"><table>
<thead><tr><th>server<th>state<th>protocol<th>connections<th>leases now<th>leases granted<th>waiting<th>calls<th>merged<th>failed batches</thead>
<tbody>
${states.map(row).join('\n')}
</tbody>
</table></div>
<p>Percentiles are of the last minute. <a href="/metrics">Prometheus figures</a> · <a href="/api/mcp/servers">servers as JSON</a></p>
</html>
`;
}

function row({ id, connected, info, lastError, pool, batcher }: UpstreamState): string {
  const state = lastError ?? (connected ? 'connected' : 'no connection');
  const protocol = info === undefined ? '' : `${info.protocolVersion} (${info.era})`;
  const cells = [
    id,
    state,
    protocol,
    pool.totalConnections,
    pool.leases,
    pool.acquired,
    pool.pending,
    batcher.totalRequests,
    batcher.deduplicated,
    batcher.errors,
  ];
  return `<tr>${cells.map((cell) => `<td>${escapeHtml(String(cell))}`).join('')}`;
}

function figure(name: string, value: string): string {
  return `<div><dt>${escapeHtml(name)}<dd>${escapeHtml(value)}</div>`;
}

function milliseconds(value: number): string {
  return `${value < 10 ? value.toFixed(2) : value.toFixed(0)} ms`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
