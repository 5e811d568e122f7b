import { globSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { run, type RunOptions } from '../../e2e/host/run.ts';
import { chartTools } from '../tools.ts';

export const chartsFolder = join(import.meta.dirname, '..');
export const charts = ['clarive-operator', 'clarive-operator-crds', 'clarive-daemons'] as const;
export type Chart = (typeof charts)[number];

/** A Kubernetes object as a chart renders it. */
export interface Rendered {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
}

/** A chart with values that somebody may have: its defaults, or those of a file of its folder `ci`. */
export interface Scenario {
  name: string;
  chart: Chart;
  /** Arguments for Helm. */
  args: string[];
}

export const releaseNamespace = 'clarive-system';

/** Every chart with its default values, and with each set of values in its folder `ci`. */
export function scenarios(): Scenario[] {
  return charts.flatMap((chart) => [
    { name: `${chart} with its defaults`, chart, args: [] },
    ...globSync('ci/*-values.yaml', { cwd: join(chartsFolder, chart) })
      .toSorted()
      .map((file) => ({
        name: `${chart} with ${basename(file)}`,
        chart,
        args: ['--values', join(chartsFolder, chart, file)],
      })),
  ]);
}

/** Runs Helm and returns what it prints. */
export function helm(...args: string[]): Promise<string> {
  return tool('helm', args);
}

/** Runs one of the programs that check charts and returns what it prints; throws with its output if it fails. */
export async function tool(
  name: string,
  args: string[],
  options: Pick<RunOptions, 'exitCodes' | 'input'> = {},
): Promise<string> {
  const path = (await chartTools((line) => console.error(line))).get(name);
  if (path === undefined) throw new Error(`No program "${name}" is built`);
  return run(path, args, { cwd: chartsFolder, ...options });
}

/** The manifest of a chart as text. */
export function template({ chart, args }: Pick<Scenario, 'chart' | 'args'>): Promise<string> {
  return helm('template', chart, chart, '--namespace', releaseNamespace, ...args);
}

/** The objects of a manifest. */
export function objectsOf(manifest: string): Rendered[] {
  return parseAllDocuments(manifest)
    .map((document) => document.toJS() as Rendered | null)
    .filter((object) => object !== null);
}

/** Whether the object is there only for `helm test`. */
export function isHook({ metadata }: Rendered): boolean {
  return metadata.annotations?.['helm.sh/hook'] !== undefined;
}
