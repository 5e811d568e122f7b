/** Puts what Kubernetes says into a message for people: short, and the same as long as the cause is the same. */
import type { Exit } from './observed.ts';

const longestMessage = 1024;

/** Kubernetes' times have whole seconds. */
export function toTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** Says in words how a container ended, as `kubectl describe` shows it in fields. */
export function describeExit({ code, reason, signal, startError }: Exit, subject = 'The daemon'): string {
  if (startError !== undefined) return `${subject} can't be started: ${startError || reason}`;
  if (reason === 'OOMKilled') return `${subject} was killed for using more memory than its limit (OOMKilled)`;
  if (code === 0) return `${subject} ended with exit code 0`;
  const number = signal || (code > 128 && code < 160 ? code - 128 : undefined);
  return number === undefined
    ? `${subject} exited with code ${code}`
    : `${subject} was ended by signal ${number} (exit code ${code})`;
}

/** The kubelet's words for a ConfigMap or Secret that a container or volume names, for a key in it, and for a claim. */
export function isMissingReference(message: string): boolean {
  return (
    /(configmap|secret|persistentvolumeclaims?) "[^"]*" not found/.test(message) ||
    /couldn't find key .* in (ConfigMap|Secret) |references non-existent (config|secret) key/.test(message)
  );
}

/** The kubelet has not heard from the API server in time, or not yet, and asks again. */
export function isPassing(message: string): boolean {
  return /failed to sync \S+ cache|object "[^"]*"\/"[^"]*" not registered/.test(message);
}

/** runc quotes a variable whose value holds a null byte, and that value may be a secret's. */
const valueOfVariable = /(environment variable value can't contain null\S* "[^"=]*=)(?:[^"\\]|\\.)*"/g;

/**
 * A message without values of variables, and without what differs at every attempt, which would cost a status write each: ids of containers (not digests of
 * images), ports of the calling side, temporary directories. No longer than 1,024 characters.
 */
export function clean(message: string): string {
  const stable = message
    .replace(/(?<!sha256:)\b[0-9a-f]{64}\b/g, '…')
    .replace(/:\d+->/g, '->')
    .replace(/(containerd-mount)\d+/g, '$1…')
    .replace(valueOfVariable, '$1…"')
    .replace(/\s+/g, ' ')
    .trim();
  if (stable.length <= longestMessage) return stable;
  // A character that was cut in two would come back changed from the API server, and never compare equal.
  return `${stable.slice(0, longestMessage - 1)}…`.toWellFormed();
}
