/** Says what the API server says about a Deployment in terms of the spec, because that is what its user has written. */
import type { ClariveDaemon, ClariveDaemonSpec } from '../api/clarive-daemon.ts';
import { daemonContainer } from '../api/labels.ts';
import type { Deployment, PodTemplate } from '../api/kubernetes.ts';
import { identityIn, isObject, type Fields } from './merge-rules.ts';
import { nameDispatcher, type Dispatching } from './settings.ts';

/**
 * Replaces each field of the Deployment that a refusal names by the field of the daemon's spec, or of its dispatcher's, from which it came. A
 * field that the operator has generated keeps its name.
 */
export function inTermsOfSpec(
  refusal: string,
  deployment: Deployment,
  daemon: ClariveDaemon,
  dispatcher?: Dispatching,
): string {
  const authors: Author[] = [{ spec: daemon.spec, of: '' }];
  if (typeof dispatcher === 'object')
    authors.push({ spec: dispatcher.spec, of: ` of ${nameDispatcher(dispatcher.metadata.name)}` });
  return refusal
    .replace(refusedObject, 'The API server refuses the Deployment: ')
    .replace(templateField, (field) => fieldOfSpec(field, deployment.spec.template, authors) ?? field);
}

const refusedObject = /^Deployment\S* "[^"]*" is invalid: /;

/** As Kubernetes writes it, with names, indexes of lists and keys of maps: `spec.template.spec.containers[0].env[2].name`. */
const templateField = /\bspec\.template(?:\.\w+|\[[^\]]*\])+/g;

interface Author {
  spec: Pick<ClariveDaemonSpec, 'image' | 'env' | 'envFrom' | 'template'>;
  /** Who it is, to be said behind a field; empty for the daemon itself. */
  of: string;
}

/** Something that was made, and what its author has written in its place. */
interface Pair {
  made: unknown;
  written: unknown;
}

interface Place {
  path: string;
  written: unknown;
}

/** What of the daemon's container stands right below `spec`. */
const fieldsOfSpec = new Set(['.image', '.env', '.envFrom']);

/** The last author who has written it; if none has, the daemon's is the one that could be. */
function fieldOfSpec(field: string, template: PodTemplate, authors: Author[]): string | undefined {
  const places = authors.flatMap(({ spec, of }) => {
    const place = placeIn(spec, field, template);
    return place ? [{ path: `${place.path}${of}`, isWritten: place.written !== undefined }] : [];
  });
  return (places.find(({ isWritten }) => isWritten) ?? places[0])?.path;
}

function placeIn(spec: Author['spec'], field: string, template: PodTemplate): Place | undefined {
  const [, ...steps] = [...field.matchAll(/\.\w+|\[[^\]]*\]/g)].map(([step]) => step);
  const [first = '', second, index = '', fourth = ''] = steps;
  const container = second === '.containers' ? template.spec.containers[Number(nameIn(index))] : undefined;
  if (container?.name === daemonContainer && fieldsOfSpec.has(fourth))
    return follow(steps.slice(3), { made: container, written: spec }, 'spec');
  const whole = metadataFields.has(first) ? ['.metadata', ...steps] : steps;
  return follow(whole, { made: template, written: spec.template }, 'spec.template');
}

/** Kubernetes leaves out `metadata` before these. */
const metadataFields = new Set(['.labels', '.annotations']);

/**
 * Follows the steps through what was made and what was written at once, because an element of a list may have another index there.
 * Undefined where the author has written no such element.
 */
function follow(
  [step, ...rest]: string[],
  { made, written }: Pair,
  path: string,
  list = '',
): Place | undefined {
  if (step === undefined) return { path, written };
  const name = nameIn(step);
  const element = childOf(made, name);
  if (!Array.isArray(made) || !isObject(element))
    return follow(rest, { made: element, written: childOf(written, name) }, `${path}${step}`, name);

  const place = placeOf(element, written, list);
  if (place === -1) return undefined;
  return follow(rest, { made: element, written: childOf(written, String(place)) }, `${path}[${place}]`);
}

/** Where the author has written an element that was made; -1: nowhere. */
function placeOf(element: Fields, written: unknown, list: string): number {
  if (!Array.isArray(written)) return -1;
  const identity = identityIn(list) ?? JSON.stringify; // what has no identity is taken as it is
  return written.findIndex((candidate: Fields) => identity(candidate) === identity(element));
}

function childOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Fields)[key] : undefined;
}

/** Of a step: `name` of `.name`, `2` of `[2]`. */
function nameIn(step: string): string {
  return step.replace(/^\.|[[\]]/g, '');
}
