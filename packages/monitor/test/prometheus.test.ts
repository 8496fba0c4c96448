import { describe, expect, it } from 'vitest';
import type { PerformanceMonitor } from '../src/index.ts';
import { prometheusContentType, prometheusText } from '../src/prometheus.ts';
import { parseExposition, type ParsedFamily } from './support/exposition.ts';
import { monitors } from './support/monitors.ts';

const monitor = monitors();

function exposed(own: PerformanceMonitor, name: string): ParsedFamily | undefined {
  return parseExposition(prometheusText(own)).get(name);
}

/** The lines of one family, as they stand. */
function lines(own: PerformanceMonitor, name: string): string[] {
  return prometheusText(own)
    .split('\n')
    .filter((line) => line.replace(/^# (HELP|TYPE) /, '').startsWith(name));
}

describe('prometheusText', () => {
  it('exposes a counter with its unit and _total, once each', () => {
    const own = monitor();
    own.counter('cache.sent', { labels: ['tier'], unit: 'bytes', help: 'Bytes sent.' }).add(512, 'memory');
    own.counter('hits.total').add(3);
    expect(lines(own, 'cache_sent')).toEqual([
      '# HELP cache_sent_bytes_total Bytes sent.',
      '# TYPE cache_sent_bytes_total counter',
      'cache_sent_bytes_total{tier="memory"} 512',
    ]);
    expect(lines(own, 'hits')).toEqual(['# TYPE hits_total counter', 'hits_total 3']);
  });

  it('exposes a gauge, in seconds when it is set in ms', () => {
    const own = monitor();
    own.gauge('clock.offset.ms', { unit: 'ms' }).set(-35);
    expect(lines(own, 'clock')).toEqual(['# TYPE clock_offset_seconds gauge', 'clock_offset_seconds -0.035']);
  });

  it('exposes a histogram of durations on the ladder of MCP with finer steps, in seconds', () => {
    const own = monitor();
    const histogram = own.histogram('mcp.server.operation.duration', { labels: ['mcp.method.name'] });
    for (const ms of [0.3, 10, 35, 400_000]) histogram.record(ms, 'tools/call');
    const family = exposed(own, 'mcp_server_operation_duration_seconds');
    const buckets = family?.samples
      .filter(({ labels }) => 'le' in labels)
      .map(({ labels: { le }, value }) => [le, value]);
    expect(buckets?.map(([le]) => le).join(' ')).toBe(
      '0.0001 0.00025 0.0005 0.001 0.0025 0.005 0.01 0.02 0.05 0.1 0.2 0.5 1 2 5 10 30 60 120 300 +Inf',
    );
    expect(Object.fromEntries(buckets ?? [])).toMatchObject({ '0.00025': 0, '0.0005': 1, '0.005': 1, '0.01': 2 });
    expect(Object.fromEntries(buckets ?? [])).toMatchObject({ '0.02': 2, '0.05': 3, '300': 3, '+Inf': 4 });
    expect(family?.samples.at(-2)).toEqual({
      name: 'mcp_server_operation_duration_seconds_sum',
      labels: { mcp_method_name: 'tools/call' },
      value: 400.0453,
    });
  });

  it('exposes sizes and counts on powers of two, which are exact', () => {
    const own = monitor();
    for (const n of [1, 2, 3, 64]) own.histogram('batch.size', { unit: 'count' }).record(n);
    own.histogram('body', { unit: 'bytes' }).record(4096);
    const counts = exposed(own, 'batch_size')?.samples.map(({ labels: { le }, value }) => [le, value]);
    expect(Object.fromEntries(counts ?? [])).toMatchObject({ 1: 1, 2: 2, 4: 3, 32: 3, 64: 4 });
    const bytes = exposed(own, 'body_bytes')?.samples.map(({ labels: { le }, value }) => [le, value]);
    expect(Object.fromEntries(bytes ?? [])).toMatchObject({ 1024: 0, 4096: 1 });
  });

  it('has the figures of the process under the names that dashboards know', () => {
    const families = parseExposition(prometheusText(monitor()));
    for (const name of ['process_resident_memory_bytes', 'process_cpu_seconds_total', 'nodejs_eventloop_utilization']) {
      expect(families.get(name)?.samples[0]?.value).toBeGreaterThanOrEqual(0);
    }
    expect([...families.keys()]).toEqual(
      expect.arrayContaining(['nodejs_eventloop_lag_p50_seconds', 'nodejs_eventloop_lag_p99_seconds']),
    );
  });

  it('has the requests, and every field of an observed source in snake case', () => {
    const own = monitor();
    own.recordRequest(10, true);
    own.observe('cache', { getMetrics: () => ({ hitRate: 93, ttlMax: Infinity }), metricKinds: {} });
    const families = parseExposition(prometheusText(own));
    expect(families.get('forge_requests_total')?.samples[0]?.value).toBe(1);
    expect(families.get('forge_request_errors_total')?.samples[0]?.value).toBe(1);
    expect(families.get('forge_request_duration_seconds')?.samples.at(-1)?.value).toBe(1);
    expect(families.get('cache_hit_rate')?.samples[0]?.value).toBe(93);
    expect(families.get('cache_ttl_max')?.samples[0]?.value).toBe(Infinity);
  });

  it('escapes label values and help', () => {
    const own = monitor();
    own.gauge('g', { labels: ['text'], help: 'one\\two\nthree "four"' }).set(1, 'a\\b"c\nd\re,}=');
    expect(lines(own, 'g')).toEqual([
      '# HELP g one\\\\two\\nthree "four"',
      '# TYPE g gauge',
      'g{text="a\\\\b\\"c\\nd\re,}="} 1',
    ]);
  });

  it('keeps label values apart that UTF-8 would make equal', () => {
    const own = monitor();
    const gauge = own.gauge('g', { labels: ['text'] });
    for (const text of ['\ud800', '\udfff', '\ufffd', '\ufffdd800', '\0', '😀']) gauge.set(1, text);
    const text = Buffer.from(prometheusText(own), 'utf8').toString('utf8');
    expect(
      parseExposition(text)
        .get('g')
        ?.samples.map(({ labels }) => labels.text),
    ).toEqual(['\ufffdd800', '\ufffddfff', '\ufffdfffd', '\ufffdfffdd800', '\ufffd0000', '😀']);
  });

  it('gives names that meet a number, the first come keeping its own', () => {
    const own = monitor();
    own.histogram('a.b', { unit: 'count' }).record(1);
    own.gauge('a_b').set(2);
    own.gauge('aB').set(3);
    own.gauge('a.b.count').set(4);
    own.counter('process.cpu', { unit: 'ms' }).add(5);
    const families = parseExposition(prometheusText(own));
    expect(families.get('a_b')?.type).toBe('histogram');
    expect(families.get('a_b_2')?.samples[0]?.value).toBe(2);
    expect(families.get('a_b_3')?.samples[0]?.value).toBe(3);
    expect(families.get('a_b_count_2')?.samples[0]?.value).toBe(4);
    expect(families.get('process_cpu_2_seconds_total')?.samples[0]?.value).toBe(0.005);
  });

  it('gives a histogram another name when one of its lines would have a taken one', () => {
    const own = monitor();
    own.gauge('x.count').set(1);
    own.histogram('x', { unit: 'count' }).record(1);
    const families = parseExposition(prometheusText(own));
    expect(families.get('x_count')?.type).toBe('gauge');
    expect(families.get('x_2')?.type).toBe('histogram');
  });

  it('keeps label names legal and apart, and le to the histogram', () => {
    const own = monitor();
    own
      .histogram('h', { labels: ['le', 'a.b', 'a_b', '__name__', '9'], unit: 'count' })
      .record(1, 'v', 'w', 'x', 'y', 'z');
    const { labels } = exposed(own, 'h')!.samples.at(-1)!;
    expect(labels).toEqual({ le_2: 'v', a_b: 'w', a_b_2: 'x', _name__: 'y', _9: 'z' });
  });

  it('leaves out a metric that has no series yet', () => {
    const own = monitor();
    own.counter('c', { labels: ['a'], help: 'Nothing yet.' });
    expect(lines(own, 'c')).toEqual([]);
  });

  it('gives the other metrics when a label value is no string', () => {
    const points = [{ labelValues: [8080, undefined] as unknown as string[], value: 1 }];
    const family = { name: 'g', help: '', kind: 'gauge', unit: 'count', labels: ['port', 'b'], points } as const;
    const ok = { ...family, name: 'ok', labels: [], points: [{ labelValues: [], value: 2 }] };
    expect(prometheusText({ collect: () => [family, ok] })).toBe(
      '# TYPE g gauge\ng{port="8080",b="undefined"} 1\n# TYPE ok gauge\nok 2\n',
    );
  });

  it('keeps a help text apart from what UTF-8 would make of it', () => {
    const own = monitor();
    own.gauge('g', { help: 'a\ud800b' }).set(1);
    expect(lines(own, 'g')[0]).toBe('# HELP g a\ufffdd800b');
  });

  it('says in its content type which format it is', () => {
    expect(prometheusContentType).toBe('text/plain; version=0.0.4; charset=utf-8');
  });
});
