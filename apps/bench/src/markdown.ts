import { describeBar, describeMeasured } from './bars.ts';
import type { CaseReport, ContestantReport, Report } from './report.ts';
import { describeSpread } from './statistics.ts';
import { renderTable, type Column } from './table.ts';
import { unitFor } from './unit.ts';

/** The report as it is printed and as it is kept in `results/<name>.md`. */
export function renderMarkdown(report: Report): string {
  const sections = [`# ${report.title}`, report.load, origin(report), ...report.cases.map(renderCase), legend(report)];
  if (report.bars.length > 0) sections.push(renderBars(report));
  return `${sections.join('\n\n')}\n`;
}

function origin({ bench, environment, rounds }: Report): string {
  const { date, node, platform, cpu, cores, load } = environment;
  const machine = `${cpu}, ${cores} ${cores === 1 ? 'core' : 'cores'}, ${platform}, Node ${node}`;
  return (
    `Made with \`pnpm bench ${bench}\` on ${date}: ${machine}; load average at the start ${load.toFixed(1)}; ` +
    `${rounds} rounds, each contestant in a process of its own.`
  );
}

function renderCase(part: CaseReport): string {
  // One unit for a table, so that its columns can be compared at a glance.
  const unit = unitFor(Math.max(...part.contestants.map(({ cpuNs }) => cpuNs.median)));
  const observed = Object.keys(part.contestants[0]?.observations ?? {});
  const optional: { column: Column; cell: (contestant: ContestantReport) => string }[] = [];
  if (part.bestRival !== undefined) {
    optional.push({ column: right(`speed / ${part.bestRival}`), cell: (contestant) => speedCell(part, contestant) });
  }
  if (part.yardstick !== undefined) {
    optional.push({
      column: right(`${unit.name} above ${part.yardstick}`),
      cell: ({ aboveYardstickNs }) => (aboveYardstickNs === undefined ? '' : unit.format(aboveYardstickNs.median)),
    });
  }
  for (const name of observed) {
    optional.push({ column: right(name), cell: ({ observations }) => observations[name]?.toFixed(1) ?? '' });
  }
  const columns = [{ header: 'contestant' }, right(`cpu, ${unit.name}`), right(`wall, ${unit.name}`)];
  const rows = part.contestants.map((contestant) => [
    nameOf(contestant),
    describeSpread(contestant.cpuNs, unit.format),
    describeSpread(contestant.wallNs, unit.format),
    ...optional.map(({ cell }) => cell(contestant)),
  ]);
  const table = renderTable([...columns, ...optional.map(({ column }) => column)], rows);
  return `## ${part.id}\n\nAn operation is ${part.operation}.\n\n${table}`;
}

function legend({ cases }: Report): string {
  const sentences = ['Figures are medians over the rounds, in brackets the extremes; times are per operation.'];
  if (cases.some(({ bestRival }) => bestRival !== undefined)) {
    sentences.push('Speed is the ratio of CPU times, taken round by round: above 1 is faster.');
  }
  if (cases.some(({ yardstick }) => yardstick !== undefined)) {
    sentences.push('The time above a yardstick is the difference of CPU times, taken round by round.');
  }
  return sentences.join(' ');
}

function renderBars({ bars }: Report): string {
  const rows = bars.map((bar) => [
    describeBar(bar),
    describeMeasured({ bar, measured: bar.measured, holds: bar.holds }),
    bar.holds ? 'yes' : 'NO',
  ]);
  const columns: Column[] = [{ header: 'bar' }, { header: 'measured' }, { header: 'holds' }];
  return `## Bars\n\n${renderTable(columns, rows)}`;
}

function nameOf({ id, package: name, version, role }: ContestantReport): string {
  const details = [name === id ? undefined : name, version, role === 'yardstick' ? role : undefined];
  const known = details.filter((detail) => detail !== undefined).join(' ');
  return known === '' ? id : `${id} (${known})`;
}

function speedCell({ bestRival }: CaseReport, { id, ratioToBestRival }: ContestantReport): string {
  if (id === bestRival) return '1';
  return ratioToBestRival === undefined ? '' : describeSpread(ratioToBestRival);
}

function right(header: string): Column {
  return { header, align: 'right' };
}
