/** Prints the table. */
import type { Figures } from './lab.ts';
import { cell, type Row, verdict } from './rows.ts';

export function report(rows: readonly Row[], figures: Figures): string {
  const table = rows.map((row) => [
    row.label,
    row.target ?? '',
    cell(row, 'ours', figures),
    cell(row, 'Go', figures),
    verdict(row, figures),
  ]);
  return format([
    ['Figure: median (least..most of the rounds)', 'Target', 'Ours', 'Go', 'Verdict'],
    ...table,
  ]);
}

/** Columns of equal width, as Markdown. */
function format(lines: readonly string[][]): string {
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(...lines.map((line) => (line[column] ?? '').length)),
  );
  const text = (line: readonly string[]) =>
    `| ${line.map((field, column) => field.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  const [head = [], ...body] = lines;
  return [text(head), rule, ...body.map(text)].join('\n');
}
