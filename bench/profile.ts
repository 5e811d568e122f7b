/** Reads a CPU profile as `node --cpu-prof` writes it. */
import { readFile } from 'node:fs/promises';
import { sep } from 'node:path';

interface Frame {
  functionName: string;
  url: string;
  lineNumber: number;
}

interface ProfileNode {
  id: number;
  callFrame: Frame;
  children?: number[];
}

interface CpuProfile {
  nodes: ProfileNode[];
  /** Microseconds on the kernel's monotonic clock, which is the same for all processes. */
  startTime: number;
  samples: number[];
  timeDeltas: number[];
}

/** A span of time on the kernel's monotonic clock. */
export interface Span {
  name: string;
  fromUs: number;
  toUs: number;
}

interface Cost {
  where: string;
  us: number;
}

const shown = 25;
const notWork = new Set(['(idle)', '(program)', '(root)']);

export function monotonicUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/** For each span the functions that took most time, by themselves and with all that they called. */
export async function profileReport(file: string, spans: readonly Span[]): Promise<string> {
  const profile = JSON.parse(await readFile(file, 'utf8')) as CpuProfile;
  return spans.map((span) => spanReport(profile, span)).join('\n\n');
}

function spanReport(profile: CpuProfile, span: Span): string {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(
    profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])),
  );
  const self = new Map<string, number>();
  const total = new Map<string, number>();
  let busyUs = 0;
  let atUs = profile.startTime;
  for (const [index, id] of profile.samples.entries()) {
    const us = profile.timeDeltas[index] ?? 0;
    atUs += us;
    const node = nodes.get(id);
    if (!node || atUs < span.fromUs || atUs > span.toUs || notWork.has(node.callFrame.functionName)) continue;
    busyUs += us;
    add(self, placeOf(node.callFrame), us);
    for (const place of stackOf(id, nodes, parents)) add(total, place, us);
  }
  const ours = new Map([...total].filter(([where]) => where.includes(' src/')));
  const seconds = (us: number) => (us / 1e6).toFixed(2);
  return [
    `${span.name}: busy ${seconds(busyUs)} s of ${seconds(span.toUs - span.fromUs)} s`,
    'By themselves:',
    ...lines(self, busyUs),
    'Our functions, with all that they called:',
    ...lines(ours, busyUs),
  ].join('\n');
}

/** Each place once, however often it recurs. */
function stackOf(id: number, nodes: Map<number, ProfileNode>, parents: Map<number, number>): Set<string> {
  const places = new Set<string>();
  for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
    const node = nodes.get(at);
    if (node) places.add(placeOf(node.callFrame));
  }
  return places;
}

function lines(costs: Map<string, number>, busyUs: number): string[] {
  const sorted: Cost[] = [...costs].map(([where, us]) => ({ where, us })).toSorted((a, b) => b.us - a.us);
  return sorted
    .slice(0, shown)
    .map(({ where, us }) => `  ${((us / busyUs) * 100).toFixed(1).padStart(5)} %  ${where}`);
}

function add(sums: Map<string, number>, key: string, us: number): void {
  sums.set(key, (sums.get(key) ?? 0) + us);
}

/** `reconcile src/reconcile/reconcile.ts:31`. */
function placeOf({ functionName, url, lineNumber }: Frame): string {
  const name = functionName || '(anonymous)';
  if (!url) return name;
  const path = url.replace(/^file:\/\//, '').split(sep);
  const from = Math.max(path.lastIndexOf('src'), path.lastIndexOf('node_modules'), 0);
  return `${name} ${path.slice(from).join('/')}:${lineNumber + 1}`;
}
