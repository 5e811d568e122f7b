/**
 * The JSON merge patch (RFC 7386) that turns one value into another: all fields of the new value, and null for each that is gone.
 * Fields that are the same are sent too, because the server's may have changed since `before` was seen. Lists are replaced
 * whole. A field that is undefined counts as absent, as in JSON.
 */
export function mergePatch(before: object, after: object): Record<string, unknown> {
  const old = before as Record<string, unknown>;
  const patch: Record<string, unknown> = {};
  const wanted = after as Record<string, unknown>;
  for (const name of Object.keys(old)) {
    if (wanted[name] === undefined) patch[name] = null;
  }
  for (const [name, value] of Object.entries(wanted)) {
    if (value === undefined) continue;
    const last = old[name];
    patch[name] = isObject(last) && isObject(value) ? mergePatch(last, value) : value;
  }
  return patch;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
