/** The requests of one client as the API server has recorded them. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';

interface AuditEvent {
  auditID: string;
  stage: string;
  verb: string;
  requestURI: string;
  user?: { username?: string };
  userAgent?: string;
  objectRef?: { resource?: string; subresource?: string; namespace?: string; name?: string };
  responseStatus?: { code?: number };
}

/** One request. */
export interface Recorded {
  verb: string;
  /** Path, without the query. */
  path: string;
  /** As in `deployments/scale`. */
  resource: string;
  /** Name of the object; empty for a create or a list. */
  name: string;
  code: number;
}

const writes = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);

export class AuditLog {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** The present end of the log, to count from later. */
  async mark(): Promise<number> {
    return (await stat(this.#path)).size;
  }

  /**
   * The requests since `mark` of one client, told by its user name or by the beginning of its User-Agent. A watch counts once, when it
   * begins.
   */
  async since(mark: number, client: string): Promise<Recorded[]> {
    const requests = new Map<string, Recorded>();
    const lines = createInterface({ input: createReadStream(this.#path, { start: mark }) });
    for await (const line of lines) {
      if (!line.includes(client)) continue;
      const event = JSON.parse(line) as AuditEvent;
      if (isOf(client, event) && !isEndOfWatch(event)) requests.set(event.auditID, recorded(event));
    }
    return [...requests.values()];
  }
}

function isOf(client: string, { user, userAgent }: AuditEvent): boolean {
  return user?.username === client || (userAgent?.startsWith(client) ?? false);
}

function isEndOfWatch({ verb, stage, responseStatus }: AuditEvent): boolean {
  return verb === 'watch' && stage === 'ResponseComplete' && responseStatus?.code === 200;
}

/** Writes that count: Events and the Lease are counted apart. */
export function isCountedWrite({ verb, resource }: Recorded): boolean {
  return writes.has(verb) && resource !== 'leases' && resource !== 'events';
}

export function isEventWrite({ verb, resource }: Recorded): boolean {
  return writes.has(verb) && resource === 'events';
}

/** How often each kind of request was made, most frequent first: `patch deployments/scale 100`. */
export function tally(requests: readonly Recorded[]): string {
  const counts = new Map<string, number>();
  for (const { verb, resource, code } of requests) {
    const what = `${verb} ${resource}${code < 300 ? '' : ` (${code})`}`;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  const sorted = [...counts].toSorted(([, a], [, b]) => b - a);
  return sorted.map(([what, count]) => `${what} ${count}`).join(', ') || 'none';
}

function recorded({ verb, requestURI, objectRef = {}, responseStatus }: AuditEvent): Recorded {
  const { resource = '', subresource, name = '' } = objectRef;
  const [path = ''] = requestURI.split('?');
  const code = responseStatus?.code ?? 0;
  return { verb, path, resource: subresource ? `${resource}/${subresource}` : resource, name, code };
}
