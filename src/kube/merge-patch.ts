/**
 * The JSON merge patch (RFC 7386) that turns one value into another: changed and new fields, and null for what is gone.
 * Lists are replaced whole.
 */
export function mergePatch(before: object, after: object): Record<string, unknown> {
  const old = before as Record<string, unknown>;
  const patch: Record<string, unknown> = {};
  for (const name of Object.keys(old)) {
    if (!(name in after)) patch[name] = null;
  }
  for (const [name, value] of Object.entries(after)) {
    const last = old[name];
    patch[name] = isObject(last) && isObject(value) ? mergePatch(last, value) : value;
  }
  return patch;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
