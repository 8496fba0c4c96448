import { setTimeout as sleep } from 'node:timers/promises';
import { PerformanceMonitor } from '@forge/monitor';
import { prometheusText } from '@forge/monitor/prometheus';

const monitor = new PerformanceMonitor({ metricsInterval: 100, alertThresholds: { errorRate: 5 } });
monitor.on('alert', ({ message }) => console.log('alert:', message));

const calls = monitor.histogram('tool.duration', { labels: ['tool'], help: 'Duration of tool calls.' });
for (let ms = 1; ms <= 200; ms++) {
  monitor.recordRequest(ms, ms % 10 === 0);
  calls.record(ms, ms <= 100 ? 'search' : 'fetch');
}
await sleep(150); // the sampler checks the thresholds

const { requestCount, p99Latency, errorRate } = monitor.getMetrics();
console.log({ requestCount, p99Latency, errorRate });
console.log('p99 of search:', calls.snapshot('search').quantile(0.99).toFixed(1), 'ms');
console.log(prometheusText(monitor).match(/^tool_duration_seconds_count.*$/gm));
await monitor.close();
