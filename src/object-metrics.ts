/**
 * The series of single objects. Their text is written when it is asked for, straight from the objects: between scrapes they
 * cost nothing, and they vanish with their object.
 */
import { setImmediate } from 'node:timers/promises';
import type { Condition, ConditionType } from './api/conditions.ts';
import type { ObjectMeta } from './api/kubernetes.ts';

/** An object as its metrics need it. */
interface Measured {
  metadata: ObjectMeta;
  status?: { conditions?: Condition[] };
}

export interface Family<T extends Measured> {
  name: string;
  type: 'gauge' | 'counter';
  help: string;
  /** Undefined: nothing is known yet, so the object has no such series. */
  valueOf: (object: T) => number | undefined;
  /** In addition to `namespace` and `name`. */
  labelsOf?: (object: T) => Record<string, string>;
}

/** So many lines take well below a millisecond. */
const linesAtOnce = 500;

/** The text in pieces. Between two of them the event loop has its turn; the objects are those of the beginning. */
export async function* objectMetrics<T extends Measured>(
  families: readonly Family<T>[],
  objects: readonly T[],
): AsyncGenerator<string> {
  for (const family of families) {
    yield `# HELP ${family.name} ${family.help}\n# TYPE ${family.name} ${family.type}\n`;
    for (let start = 0; start < objects.length; start += linesAtOnce) {
      await setImmediate();
      yield objects
        .slice(start, start + linesAtOnce)
        .map((object) => lineOf(family, object))
        .join('');
    }
  }
}

function lineOf<T extends Measured>({ name, valueOf, labelsOf }: Family<T>, object: T): string {
  const value = valueOf(object);
  if (value === undefined) return '';
  const { namespace = '', name: objectName } = object.metadata;
  let labels = `namespace="${namespace}",name="${objectName}"`;
  for (const [label, text] of Object.entries(labelsOf?.(object) ?? {}))
    labels += `,${label}="${escaped(text)}"`;
  return `${name}{${labels}} ${value}\n`;
}

/** Names of objects need none of this. */
function escaped(text: string): string {
  return text.replace(/[\\"\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`));
}

export function condition({ status }: Measured, type: ConditionType): Condition | undefined {
  return status?.conditions?.find((candidate) => candidate.type === type);
}

/** Undefined if nobody knows. */
export function conditionValue(object: Measured, type: ConditionType): number | undefined {
  const status = condition(object, type)?.status;
  if (status === undefined || status === 'Unknown') return undefined;
  return status === 'True' ? 1 : 0;
}

/** When the condition last changed, in seconds since 1970. */
export function transitionSeconds(object: Measured, type: ConditionType): number | undefined {
  const time = condition(object, type)?.lastTransitionTime;
  return time === undefined ? undefined : Date.parse(time) / 1000;
}
