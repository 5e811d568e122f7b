/** Which ConfigMaps and Secrets a pod is started with, and whether they have changed since. */
import type { V1Container } from '@kubernetes/client-node';
import { entryOf, type Contents, type Reference, type ReferenceKind } from '../api/contents.ts';
import type { PodTemplate } from '../api/kubernetes.ts';

/**
 * What of these kinds the containers take variables from, and what volumes show; each once, in a fixed order. What is optional in one place and not
 * in another is not. Credentials that only the kubelet uses, as for images, are none: a running daemon has no part in them.
 */
export function referencesOf({ spec }: PodTemplate, kinds: ReadonlySet<ReferenceKind>): readonly Reference[] {
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const volumes = (spec.volumes ?? []).flatMap((volume) => [volume, ...(volume.projected?.sources ?? [])]);
  const all = [
    ...containers.flatMap(inVariables),
    ...volumes.flatMap(({ configMap, secret }) => [
      ...reference('ConfigMap', configMap),
      ...reference('Secret', secret),
    ]),
  ];
  const found = new Map<string, Reference>();
  for (const each of all.filter(({ kind }) => kinds.has(kind))) {
    const known = found.get(entryOf(each));
    found.set(entryOf(each), { ...each, optional: each.optional && (known?.optional ?? true) });
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each);
}

function inVariables({ env = [], envFrom = [] }: V1Container): Reference[] {
  const values = env.flatMap(({ valueFrom }) => [
    ...reference('ConfigMap', valueFrom?.configMapKeyRef),
    ...reference('Secret', valueFrom?.secretKeyRef),
  ]);
  const whole = envFrom.flatMap(({ configMapRef, secretRef }) => [
    ...reference('ConfigMap', configMapRef),
    ...reference('Secret', secretRef),
  ]);
  return [...values, ...whole];
}

/** A volume calls the name of a Secret `secretName`, every other place `name`. */
function reference(
  kind: ReferenceKind,
  place: { name?: string; secretName?: string; optional?: boolean } | undefined,
): Reference[] {
  const name = place?.name ?? place?.secretName;
  return name ? [{ kind, name, optional: place?.optional ?? false }] : [];
}

/** What the referents have been up to since the child was written. */
export interface News {
  /** What is to be written on the child. Of what has gone it is the last digest, because no pod starts without it. */
  contents: Contents;
  /** Whether it is written there already. */
  isRecorded: boolean;
  /** What a running pod lacks until it is replaced. */
  changed: readonly Reference[];
}

export const noNews: News = { contents: {}, isRecorded: true, changed: [] };

/**
 * Compares what is written on a child with what there is now. What was not there when the child was written is taken as it comes, because
 * the pod has waited for it; only without something optional it has not. Of what is not written nobody knows, so that it counts as
 * unchanged: thus nothing is restarted when the operator begins to look.
 *
 * @param recorded what is written on the child; undefined: nothing, or there is no child
 * @param digestOf digest of what there is now; undefined: it is not there
 */
export function newsOf(
  references: readonly Reference[],
  recorded: Contents | undefined,
  digestOf: (reference: Reference) => string | undefined,
): News {
  if (references.length === 0) return noNews;
  const contents: Record<string, string | null> = {};
  const changed: Reference[] = [];
  for (const reference of references) {
    const entry = entryOf(reference);
    const before = recorded?.[entry];
    const now = digestOf(reference);
    contents[entry] = now ?? (reference.optional ? null : (before ?? null));
    const isLacked = before === null ? reference.optional : before !== undefined;
    if (now !== undefined && now !== before && isLacked) changed.push(reference);
  }
  const isRecorded = Object.entries(contents).every(([entry, digest]) => recorded?.[entry] === digest);
  return { contents, isRecorded, changed };
}

/** References as messages name them. */
export function nameReferences(references: readonly Reference[]): string {
  return references.map(({ kind, name }) => `${kind} "${name}"`).join(', ');
}
