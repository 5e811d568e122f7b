/** Says whose spec is to be corrected: a daemon has its own, and what its dispatcher gives to all is beneath. */
import type { ClariveDaemon } from '../api/clarive-daemon.ts';
import type { ClariveDispatcher } from '../api/clarive-dispatcher.ts';
import { canonicalService, entryFor } from '../presets/presets.ts';

/** Whose specs a child is made of. */
export interface Authors {
  daemon: ClariveDaemon;
  dispatcher: ClariveDispatcher;
}

/** Fields of a spec as remedies name them, with their alternatives; or all of it. */
const places = /\bspec(?:\.\w+)+(?:(?:, | or )spec(?:\.\w+)+)*|\bthe spec\b/g;

/** What the spec of either kind gives to a pod. */
const everything = ['spec.env', 'spec.envFrom', 'spec.template'];

/**
 * The remedy, with the dispatcher behind the fields of its spec. They are its own where that spec has a name or value that the message
 * quotes, and the daemon's has not. If neither has, it may be either, if there is a field that only the dispatcher has.
 */
export function withAuthor(remedy: string, message: string, { daemon, dispatcher }: Authors): string {
  const quoted = new Set(namesIn(message));
  const entry = entryFor(canonicalService(daemon.spec.service), dispatcher);
  const shared = { spec: { ...dispatcher.spec, image: entry?.image ?? dispatcher.spec.image } };
  const owner = `the ClariveDispatcher "${dispatcher.metadata.name}"`;
  return remedy.replace(places, (place) => {
    const fields = place === 'the spec' ? everything : place.split(/, | or /);
    const isGiven = (object: object, field: string) => valueAt(object, field) !== undefined;
    const isMeant = (object: object, field: string) =>
      field === 'spec.image' ? isGiven(object, field) : mentions(valueAt(object, field), quoted);
    if (fields.some((field) => isMeant(daemon, field))) return place;
    const meant = fields.filter((field) => isMeant(shared, field));
    if (meant.includes('spec.image') && entry?.image)
      return `spec.services[${entry.service}].image of ${owner}`;
    if (meant.length > 0) return `${place === 'the spec' ? place : meant.join(' or ')} of ${owner}`;
    const mayBeEither = fields.some((field) => isGiven(shared, field) && !isGiven(daemon, field));
    return mayBeEither ? `${place} here or of ${owner}` : place;
  });
}

/** Names in quotes, and of a key that is missing the ConfigMap or Secret: `in Secret clarive/smtp`. */
function namesIn(message: string): string[] {
  const found = message.matchAll(/"([^"]+)"|\bin (?:ConfigMap|Secret) [^\s/]+\/([^\s,;]+)/g);
  return [...found].flatMap(([, ...names]) => names.filter((name) => name !== undefined));
}

function valueAt(object: object, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((value, field) => (value as Record<string, unknown> | undefined)?.[field], object);
}

/** Whether one of these texts stands anywhere in the value. */
function mentions(value: unknown, texts: ReadonlySet<string>): boolean {
  if (typeof value === 'string') return texts.has(value);
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).some((inner) => mentions(inner, texts));
}
