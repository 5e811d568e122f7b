/** The chapters of the page of a kind: fields and status as its CRD describes them, reasons as src/api/conditions.ts does. */
import { parse } from 'yaml';
import { readText } from '../crds/generator/outputs.ts';
import { plural as daemons } from '../src/api/clarive-daemon.ts';
import { plural as dispatchers } from '../src/api/clarive-dispatcher.ts';
import { dispatcherReasonTable, reasonTable, type ReasonMeaning } from '../src/api/conditions.ts';
import { startUpSeconds } from '../src/presets/presets.ts';

interface Field {
  description?: string;
  default?: unknown;
  properties?: Record<string, Field>;
  items?: Field;
}

interface Crd {
  spec: { versions: { schema: { openAPIV3Schema: Field } }[] };
}

/** What the code knows of a kind: how its CRD and its table of reasons are called, and that table. */
interface Kind {
  plural: string;
  tableName: string;
  reasons: Readonly<Record<string, ReasonMeaning>>;
}

const kinds = {
  daemon: { plural: daemons, tableName: 'reasonTable', reasons: reasonTable },
  dispatcher: { plural: dispatchers, tableName: 'dispatcherReasonTable', reasons: dispatcherReasonTable },
} satisfies Record<string, Kind>;

/** By the mark that each has on the page. */
export async function chaptersOf(kind: keyof typeof kinds): Promise<Record<string, string>> {
  const { plural, tableName, reasons } = kinds[kind];
  const crd = parse(await readText(`crds/${plural}.yaml`)) as Crd;
  const { spec, status } = crd.spec.versions[0]?.schema.openAPIV3Schema.properties ?? {};
  return {
    fields: table(['Field of `spec`', 'Meaning'], rowsOf(spec)),
    status: table(['Field of `status`', 'Meaning'], rowsOf(status)),
    reasons: reasonsTable(reasons, sourceOf(tableName, await readText('src/api/conditions.ts'))),
  };
}

/** Objects and lists of them are followed by their fields, unless those are Kubernetes' own. */
function rowsOf(field: Field | undefined, path = ''): string[][] {
  return Object.entries(field?.properties ?? {}).flatMap(([name, child]) =>
    child.description === undefined
      ? []
      : [
          [`\`${path}${name}\``, describe(child)],
          ...rowsOf(child, `${path}${name}.`),
          ...(name === 'conditions' ? [] : rowsOf(child.items, `${path}${name}[].`)),
        ],
  );
}

function describe({ description = '', default: value }: Field): string {
  return value === undefined ? description : `${description} Default: ${JSON.stringify(value)}.`;
}

function reasonsTable(reasons: Kind['reasons'], source: string): string {
  const rows = Object.entries(reasons).map(([reason, { ready, progress }]) => [
    `\`${reason}\``,
    ready,
    conditionsBeside[progress],
    commentOn(reason, source),
  ]);
  return table(['Reason', 'Ready', 'Beside it', 'When, and what to do'], rows);
}

const conditionsBeside = {
  none: '–',
  reconciling: 'Reconciling',
  untilDeadline: `Reconciling, after ${startUpSeconds / 60} minutes Stalled`,
  stalled: 'Stalled',
} as const;

/** The text of one of the tables. */
function sourceOf(tableName: string, source: string): string {
  return source.split(`export const ${tableName} = {`)[1]?.split('} as const')[0] ?? '';
}

/** The comment above the row of that name, in one line. */
function commentOn(reason: string, source: string): string {
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
