/** Lays a partial object over another one. */
import type { Deployment, PodTemplate, PodTemplateOverlay } from '../api/kubernetes.ts';
import { identityIn, isAtomic, isObject, isProbe, probeHandlers, type Fields } from './merge-rules.ts';

/**
 * The overlay adds and replaces, and never deletes. Elements of a keyed list are merged by their key, in the order of the
 * template, followed by the overlay's own; atomic lists and unions are replaced whole.
 */
export function overlayTemplate(template: PodTemplate, overlay: PodTemplateOverlay): PodTemplate {
  return mergeObjects(template as unknown as Fields, overlay as Fields) as unknown as PodTemplate;
}

/** Two overlays as one: laid over a template, it does what they do one after the other. */
export function mergeOverlays(first: PodTemplateOverlay, second: PodTemplateOverlay): PodTemplateOverlay {
  return mergeObjects(first as Fields, second as Fields);
}

/**
 * The child, as the API server sends it, with everything that is desired in it. Server-side apply does the same, but for a union in which
 * somebody has chosen another member: it adds ours beside that one, which the API server then refuses.
 */
export function overlayChild(child: object, desired: Deployment): { spec: object } {
  return mergeObjects(child as Fields, desired as unknown as Fields) as unknown as { spec: object };
}

/** Lists of environment variables follow the same rule: the later entry of a name wins. */
export function mergeByKey<Item extends object>(field: string, base: Item[], overlay: Item[]): Item[] {
  return merge(field, base, overlay) as Item[];
}

function merge(field: string, base: unknown, overlay: unknown): unknown {
  if (overlay === undefined || overlay === null) return base;
  if (Array.isArray(base) && Array.isArray(overlay)) return mergeLists(field, base, overlay);
  if (!isObject(base) || !isObject(overlay) || isAtomic(field)) return overlay;
  return mergeObjects(isProbe(field) ? withoutReplacedHandler(base, overlay) : base, overlay);
}

function mergeObjects(base: Fields, overlay: Fields): Fields {
  const merged: Record<string, unknown> = { ...base };
  for (const [field, value] of Object.entries(overlay)) merged[field] = merge(field, base[field], value);
  return merged;
}

function mergeLists(field: string, base: Fields[], overlay: Fields[]): Fields[] {
  const identity = identityIn(field);
  if (!identity) return overlay;

  const merged = new Map(base.map((element) => [identity(element), element]));
  for (const element of overlay) {
    const id = identity(element);
    merged.set(id, isAtomic(field) ? element : mergeObjects(merged.get(id) ?? {}, element));
  }
  return [...merged.values()];
}

function withoutReplacedHandler(probe: Fields, overlay: Fields): Fields {
  if (!probeHandlers.some((handler) => handler in overlay)) return probe;
  return Object.fromEntries(Object.entries(probe).filter(([field]) => !probeHandlers.includes(field)));
}
