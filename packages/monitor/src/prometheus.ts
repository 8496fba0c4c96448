/**
 * A monitor's metrics in the text format of Prometheus, version 0.0.4 [1].
 *
 * Whatever names, labels and help texts come in, the text is valid and no line of it comes twice: a character that a name
 * may not have becomes `_`, a name that is taken gets a number, and a text that UTF-8 or a scanner cannot carry (a lone
 * surrogate, NUL) is spelt out, so that different label values stay different. Names are made snake case with the unit and
 * `_total` at the end, as `promtool check metrics` asks.
 *
 * Histograms are classic ones on a fixed ladder, counted from the exponential bins: a bound counts the whole bin that it
 * lies in, so it stands for a bound at most 2.2 % higher. For durations the ladder is that of the OpenTelemetry
 * conventions for MCP [2], with finer steps below 10 ms, where cache hits are; for the others it is powers of two, which
 * are edges of bins and therefore exact.
 *
 * [1] prometheus.io/docs/instrumenting/exposition_formats
 * [2] OpenTelemetry semantic conventions for generative AI, "MCP", mcp.server.operation.duration
 *
 * @module
 */
import type { ExportedUnit, HistogramPoint, MetricFamily } from './families.ts';

/** The `Content-Type` of what {@link prometheusText} returns. */
export const prometheusContentType = 'text/plain; version=0.0.4; charset=utf-8';

/** What has metrics to expose: a PerformanceMonitor. */
export interface Collectable {
  collect(): Iterable<MetricFamily>;
}

interface Ladder {
  readonly bounds: readonly number[];
  /** How the line of each bound goes on after `le="`, up to its count; written once and not for each series. */
  readonly endings: readonly string[];
}

const LADDERS: Readonly<Record<ExportedUnit, Ladder>> = {
  seconds: ladderOf([
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300,
  ]),
  bytes: ladderOf(Array.from({ length: 12 }, (_, i) => 64 * 4 ** i)),
  count: ladderOf(Array.from({ length: 15 }, (_, i) => 2 ** i)),
};

function ladderOf(bounds: readonly number[]): Ladder {
  return { bounds, endings: bounds.map((bound) => `${bound}"} `) };
}

/** The lines of a histogram beside `name` itself, which its TYPE line takes. */
const HISTOGRAM_SUFFIXES = ['_bucket', '_sum', '_count'];

/** Renders every metric of `monitor` for a scrape. */
export function prometheusText(monitor: Collectable): string {
  const taken = new Set<string>();
  let text = '';
  for (const family of monitor.collect()) if (family.points.length > 0) text += familyText(family, taken);
  return text;
}

function familyText(family: MetricFamily, taken: Set<string>): string {
  const name = familyName(family, taken);
  const labels = labelNames(family);
  const help = family.help === '' ? '' : `# HELP ${name} ${escapeHelp(family.help)}\n`;
  let text = `${help}# TYPE ${name} ${family.kind}\n`;
  if (family.kind === 'histogram') {
    for (const point of family.points) text += histogramText(name, labels, point, LADDERS[family.unit]);
  } else {
    for (const { labelValues, value } of family.points) {
      const pairs = pairsOf(labels, labelValues);
      text += `${name}${pairs === '' ? '' : `{${pairs}}`} ${numberText(value)}\n`;
    }
  }
  return text;
}

function histogramText(
  name: string,
  labels: readonly string[],
  { labelValues, sum, bins }: HistogramPoint,
  ladder: Ladder,
): string {
  const pairs = pairsOf(labels, labelValues);
  const before = `${name}_bucket{${pairs === '' ? '' : `${pairs},`}le="`;
  const after = pairs === '' ? ' ' : `{${pairs}} `;
  const counts = bins.countsUpTo(ladder.bounds);
  let text = '';
  for (let i = 0; i < counts.length; i++) text += before + ladder.endings[i]! + counts[i]! + '\n';
  text += `${before}+Inf"} ${bins.count}\n`;
  return `${text}${name}_sum${after}${numberText(sum)}\n${name}_count${after}${bins.count}\n`;
}

/** A name that no other family's lines have. */
function familyName({ name, kind, unit }: MetricFamily, taken: Set<string>): string {
  const total = kind === 'counter' ? '_total' : '';
  const ending = unit === 'count' ? '' : `_${unit}`;
  let stem = legalName(name);
  if (total !== '') stem = withoutEnd(stem, total);
  stem = withoutEnd(stem, ending);
  if (unit === 'seconds') stem = withoutEnd(stem, '_ms');
  const suffixes = kind === 'histogram' ? ['', ...HISTOGRAM_SUFFIXES] : [''];
  const isFree = (candidate: string): boolean => suffixes.every((suffix) => !taken.has(candidate + suffix));
  const free = firstFree(stem, isFree, ending + total);
  for (const suffix of suffixes) taken.add(free + suffix);
  return free;
}

/** `le` is the histogram's own label; names that begin with two underscores are Prometheus's own. */
function labelNames({ kind, labels }: MetricFamily): string[] {
  const taken = new Set(kind === 'histogram' ? ['le'] : []);
  return labels.map((label) => {
    const free = firstFree(legalName(label).replace(/^_+/, '_'), (candidate) => !taken.has(candidate));
    taken.add(free);
    return free;
  });
}

function firstFree(stem: string, isFree: (candidate: string) => boolean, ending = ''): string {
  let candidate = stem + ending;
  const joint = stem.endsWith('_') ? '' : '_';
  for (let i = 2; !isFree(candidate); i++) candidate = `${stem}${joint}${i}${ending}`;
  return candidate;
}

function legalName(name: string): string {
  const snake = name.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
  const legal = snake.replaceAll(/[^a-z0-9_]/g, '_');
  return /^[a-z_]/.test(legal) ? legal : `_${legal}`;
}

function withoutEnd(text: string, end: string): string {
  return end !== '' && text.endsWith(end) && text.length > end.length ? text.slice(0, -end.length) : text;
}

function pairsOf(labels: readonly string[], values: readonly string[]): string {
  return labels.map((label, i) => `${label}="${escapeValue(values[i]!)}"`).join(',');
}

/** Whatever comes in: what is no string, which types forbid, must not cost the whole scrape. */
function escapeValue(value: unknown): string {
  const text = String(value);
  return /[\\"\n\0\ufffd\p{Surrogate}]/u.test(text) ? escapeHelp(text).replaceAll('"', '\\"') : text;
}

/** U+FFFD and four digits for what a file in UTF-8 cannot show, and for U+FFFD too: so different stays different. */
function escapeHelp(help: string): string {
  return help
    .replaceAll('\\', '\\\\')
    .replaceAll('\n', '\\n')
    .replaceAll(/[\0\ufffd\p{Surrogate}]/gu, (character) => {
      return `\ufffd${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
    });
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}
