/** Says what the API server says about a Deployment in terms of the spec, because that is what its user has written. */
import type { ClariveDaemon, ClariveDaemonSpec } from '../api/clarive-daemon.ts';
import { daemonContainer } from '../api/labels.ts';
import type { Deployment, PodTemplate } from '../api/kubernetes.ts';
import { identityIn, isObject, type Fields } from './merge-rules.ts';

/**
 * Replaces each field of the Deployment that a refusal names by the field of the daemon's spec from which it came. A field that
 * the operator has generated keeps its name.
 */
export function inTermsOfSpec(refusal: string, daemon: ClariveDaemon, deployment: Deployment): string {
  return refusal
    .replace(refusedObject, 'The API server refuses the Deployment: ')
    .replace(templateField, (field) => fieldOfSpec(field, daemon.spec, deployment.spec.template) ?? field);
}

const refusedObject = /^Deployment\S* "[^"]*" is invalid: /;

/** As Kubernetes writes it, with names, indexes of lists and keys of maps: `spec.template.spec.containers[0].env[2].name`. */
const templateField = /\bspec\.template(?:\.\w+|\[[^\]]*\])+/g;

/** What of the daemon's container stands right below `spec`. */
const fieldsOfSpec = new Set(['.image', '.env', '.envFrom']);

function fieldOfSpec(field: string, spec: ClariveDaemonSpec, template: PodTemplate): string | undefined {
  const steps = [...field.matchAll(/\.\w+|\[[^\]]*\]/g)].map(([step]) => step).slice(1);
  const [first, second, index = '', fourth = ''] = steps;
  // Kubernetes leaves out one step here.
  if (first === '.labels' || first === '.annotations') return `spec.template.metadata${steps.join('')}`;

  const container = second === '.containers' ? template.spec.containers[Number(nameIn(index))] : undefined;
  if (container?.name === daemonContainer && fieldsOfSpec.has(fourth))
    return prefixed('spec', follow(steps.slice(3), container, spec));
  return prefixed('spec.template', follow(steps, template, spec.template));
}

/**
 * Follows the steps through what was made and what was written at once, because an element of a list may have another index there.
 * Undefined where the user has written no such element.
 */
function follow([step, ...rest]: string[], made: unknown, written: unknown, list = ''): string | undefined {
  if (step === undefined) return '';
  const name = nameIn(step);
  const element = childOf(made, name);
  if (!Array.isArray(made) || !isObject(element))
    return prefixed(step, follow(rest, element, childOf(written, name), name));

  const place = placeOf(element, Number(name), written, list);
  return prefixed(
    `[${place}]`,
    place === -1 ? undefined : follow(rest, element, childOf(written, String(place))),
  );
}

/** Where the user has written an element that was made; -1: nowhere. */
function placeOf(element: Fields, index: number, written: unknown, list: string): number {
  if (!Array.isArray(written)) return -1;
  const identity = identityIn(list);
  if (!identity) return index; // an atomic list is taken as it is
  return written.findIndex((candidate) => isObject(candidate) && identity(candidate) === identity(element));
}

function childOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Fields)[key] : undefined;
}

/** Of a step: `name` of `.name`, `2` of `[2]`. */
function nameIn(step: string): string {
  return step.replace(/^\.|[[\]]/g, '');
}

function prefixed(prefix: string, path: string | undefined): string | undefined {
  return path === undefined ? undefined : `${prefix}${path}`;
}
