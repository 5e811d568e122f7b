/** MongoDB Extended JSON, in its canonical and its relaxed form, as plain values. */

const maxDepth = 32;
const numberOperators = new Set(['$numberInt', '$numberLong', '$numberDouble']);
const textOperators = new Set(['$oid', '$numberDecimal', '$symbol', '$uuid']);

export type Plain = { value: unknown } | { problem: string };

/**
 * A number that would lose digits stays text, a date becomes ISO 8601. The problem names the field by its path.
 *
 * Source of the forms: https://www.mongodb.com/docs/manual/reference/mongodb-extended-json/
 */
export function plain(value: unknown, path: string, depthLeft = maxDepth): Plain {
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value))
    return { problem: `${path} is an integer beyond 2^53, which has lost digits: write it as a string` };
  if (typeof value !== 'object' || value === null) return { value };
  if (depthLeft === 0) return { problem: `${path} is nested deeper than ${maxDepth} levels: flatten it` };

  const operator = Object.keys(value).find((key) => key.startsWith('$'));
  if (operator) return wrapped(operator, value as Record<string, unknown>, path);

  const below: [key: string, child: Plain][] = Object.entries(value).map(([key, child]) => [
    key,
    plain(child, Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`, depthLeft - 1),
  ]);
  const children: [string, unknown][] = [];
  for (const [key, child] of below) {
    if ('problem' in child) return child;
    children.push([key, child.value]);
  }
  return { value: Array.isArray(value) ? children.map(([, child]) => child) : Object.fromEntries(children) };
}

function wrapped(operator: string, object: Record<string, unknown>, path: string): Plain {
  const content = object[operator];
  if (operator === '$date') return dateText(content, path);
  if (operator === '$undefined') return { value: null };
  const text = typeof content === 'string' || typeof content === 'number' ? String(content) : undefined;
  if (text !== undefined && numberOperators.has(operator)) return { value: numberOrText(text) };
  if (text !== undefined && textOperators.has(operator)) return { value: text };
  return { problem: `${path} is a MongoDB value of the kind "${operator}": replace it by text or a number` };
}

function numberOrText(text: string): number | string {
  const number = Number(text);
  const isExact = Number.isFinite(number) && (!Number.isInteger(number) || Number.isSafeInteger(number));
  return isExact && text.trim() !== '' ? number : text;
}

/** Text, or milliseconds since 1970 as a number or a `$numberLong`. */
function dateText(content: unknown, path: string): Plain {
  if (typeof content === 'string') return { value: content };
  const inner = plain(content, path, 1);
  const milliseconds = 'value' in inner ? new Date(Number(inner.value)) : new Date(Number.NaN);
  if (Number.isNaN(milliseconds.valueOf())) return { problem: `${path} is no date: write it as text` };
  return { value: milliseconds.toISOString() };
}
