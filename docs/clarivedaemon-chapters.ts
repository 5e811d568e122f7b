/** The chapters of docs/clarivedaemon.md: fields and status as the CRD describes them, reasons as src/api/conditions.ts does. */
import { parse } from 'yaml';
import { readText } from '../crds/generator/outputs.ts';
import { reasonTable, type Reason } from '../src/api/conditions.ts';
import { startUpSeconds } from '../src/presets/presets.ts';

interface Field {
  description?: string;
  properties?: Record<string, Field>;
}

interface Crd {
  spec: { versions: { schema: { openAPIV3Schema: Field } }[] };
}

export interface Chapters {
  fields: string;
  status: string;
  reasons: string;
}

export async function clariveDaemonChapters(): Promise<Chapters> {
  const crd = parse(await readText('crds/clarivedaemons.yaml')) as Crd;
  const { spec, status } = crd.spec.versions[0]?.schema.openAPIV3Schema.properties ?? {};
  return {
    fields: table(['Field of `spec`', 'Meaning'], rowsOf(spec)),
    status: table(['Field of `status`', 'Meaning'], rowsOf(status)),
    reasons: reasonsTable(await readText('src/api/conditions.ts')),
  };
}

/** Objects are followed by their fields, unless those are Kubernetes' own and have no description. */
function rowsOf(field: Field | undefined, path = ''): string[][] {
  return Object.entries(field?.properties ?? {}).flatMap(([name, child]) =>
    child.description === undefined
      ? []
      : [[`\`${path}${name}\``, child.description], ...rowsOf(child, `${path}${name}.`)],
  );
}

function reasonsTable(source: string): string {
  const reasons = Object.keys(reasonTable) as Reason[];
  const rows = reasons.map((reason) => {
    const { ready, progress } = reasonTable[reason];
    return [`\`${reason}\``, ready, conditionsBeside[progress], commentOn(reason, source)];
  });
  return table(['Reason', 'Ready', 'Beside it', 'When, and what to do'], rows);
}

const conditionsBeside = {
  none: '–',
  reconciling: 'Reconciling',
  untilDeadline: `Reconciling, after ${startUpSeconds / 60} minutes Stalled`,
  stalled: 'Stalled',
} as const;

/** The comment above the first row of that name, in one line. */
function commentOn(reason: Reason, source: string): string {
  const [, comment] = new RegExp(String.raw`/\*\*((?:(?!\*/)[^])*)\*/\s*${reason}: {`).exec(source) ?? [];
  if (comment === undefined)
    throw new Error(`Cannot document "${reason}": it has no comment in src/api/conditions.ts`);
  return comment.replace(/\s*\n\s*\*\s?/g, ' ').trim();
}

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`;
  return `${[line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')}\n`;
}
