/** Waiting for what the API server will say, by watching instead of sleeping. */
import type { KubeClient, Query } from './kube-client.ts';
import { events, type Resource } from './resources.ts';

interface Waiting {
  /** 10,000 by default. */
  timeoutMs?: number;
  /** What is waited for, in words: `the daemon to be Active`. */
  describe: string;
}

interface Kept {
  metadata?: { name?: string | undefined } | undefined;
}

/**
 * Waits until there is an object of that name that meets a condition, and returns it as it was then.
 * After the time-out it throws an error that shows the object and the events of the namespace.
 */
export async function until<Body extends Kept>(
  kube: KubeClient,
  resource: Resource<Body>,
  name: string,
  condition: (object: Body) => boolean,
  waiting: Waiting,
): Promise<Body> {
  const isMet = ([object]: Body[]) => object !== undefined && condition(object);
  const [object] = await untilList(kube, resource, byName(name), isMet, waiting);
  return object as Body;
}

/** Waits until there is no object of that name. */
export async function untilGone<Body extends Kept>(
  kube: KubeClient,
  resource: Resource<Body>,
  name: string,
  { timeoutMs = 10_000 }: { timeoutMs?: number } = {},
): Promise<void> {
  const describe = `${resource.kind} "${name}" to be gone`;
  await untilList(kube, resource, byName(name), (objects) => objects.length === 0, { timeoutMs, describe });
}

/** Waits until the objects that a query selects meet a condition, and returns them as they were then. */
export async function untilList<Body extends Kept>(
  kube: KubeClient,
  resource: Resource<Body>,
  query: Query,
  condition: (objects: Body[]) => boolean,
  { timeoutMs = 10_000, describe }: Waiting,
): Promise<Body[]> {
  const timeout = AbortSignal.timeout(timeoutMs);
  let last: Body[] = [];
  try {
    for await (const objects of observe(kube, resource, query, timeout)) {
      last = objects;
      if (condition(objects)) return objects;
    }
  } catch (error) {
    if (!timeout.aborted) throw error;
  }
  const shown = await show(kube, resource, last);
  throw new Error(`Waited ${timeoutMs} ms in vain for ${describe}\n${shown}`);
}

function byName(name: string): Query {
  return { fieldSelector: `metadata.name=${name}` };
}

/** The selected objects, once at first and again after each change. It lists anew when a watch ends. */
async function* observe<Body extends Kept>(
  kube: KubeClient,
  resource: Resource<Body>,
  query: Query,
  signal: AbortSignal,
): AsyncGenerator<Body[]> {
  while (!signal.aborted) {
    const { items, metadata } = await kube.listPage(resource, query);
    const objects = new Map(items.map((object) => [object.metadata?.name, object]));
    yield [...objects.values()];
    for await (const { type, object } of kube.watch(resource, metadata.resourceVersion, signal, query)) {
      if (type === 'ERROR') break;
      if (type === 'DELETED') objects.delete(object.metadata?.name);
      else objects.set(object.metadata?.name, object);
      yield [...objects.values()];
    }
  }
}

async function show(kube: KubeClient, { kind }: Resource<unknown>, objects: unknown[]): Promise<string> {
  const withoutManagers = (key: string, value: unknown) => (key === 'managedFields' ? undefined : value);
  const shown = objects.map((object) => JSON.stringify(object, withoutManagers, 2));
  if (shown.length === 0) shown.push(`No ${kind} was found.`);
  return [...shown, await showEvents(kube)].join('\n');
}

async function showEvents(kube: KubeClient): Promise<string> {
  const recorded = await kube.list(events);
  if (recorded.length === 0) return 'The namespace has no events.';
  const lines = recorded.map(({ type, reason, message, involvedObject }) =>
    [type, reason, `${involvedObject.kind}/${involvedObject.name}:`, message].join(' '),
  );
  return `Events of the namespace:\n${lines.join('\n')}`;
}
