export interface Column {
  readonly header: string;
  /** @default 'left' */
  readonly align?: 'left' | 'right';
}

/** A Markdown table, padded so that it reads well in a terminal too. */
export function renderTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const lines = [columns.map(({ header }) => header), ...rows];
  const widths = columns.map((_, index) => Math.max(3, ...lines.map((cells) => cells[index]!.length)));
  const rule = columns.map(({ align }, index) =>
    align === 'right' ? `${'-'.repeat(widths[index]! - 1)}:` : '-'.repeat(widths[index]!),
  );
  const pad = (cell: string, index: number): string =>
    columns[index]!.align === 'right' ? cell.padStart(widths[index]!) : cell.padEnd(widths[index]!);
  const render = (cells: readonly string[]): string => `| ${cells.map(pad).join(' | ')} |`;
  return [render(lines[0]!), render(rule), ...rows.map(render)].join('\n');
}
