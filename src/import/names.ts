/** Names of objects, made of what Clarive calls a thing. */

const maxLength = 63;

/** Where the samples have a better word than the registry key. */
const wellKnown: Readonly<Record<string, string>> = { 'service.sem.daemon': 'semaphore' };

/** `service.root_cause_analysis.daemon` is `root-cause-analysis`: a DNS label, without the words that every key has. */
export function nameOfService(service: string): string {
  const words = service.toLowerCase().split(/[^a-z0-9]+/);
  const telling = words.filter((word) => !['', 'service', 'daemon'].includes(word));
  return wellKnown[service] ?? label(telling.join('-') || 'daemon');
}

/** A DNS label of the words in a text; empty if there is none. */
export function label(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-/, '')
    .slice(0, maxLength)
    .replace(/-$/, '');
}

/** The name, or if that is taken the same with the lowest number from 2 on that makes it another. */
export function freeName(name: string, taken: ReadonlySet<string>): string {
  let candidate = name;
  for (let number = 2; taken.has(candidate); number++) {
    const suffix = `-${number}`;
    candidate = `${name.slice(0, maxLength - suffix.length).replace(/-$/, '')}${suffix}`;
  }
  return candidate;
}
