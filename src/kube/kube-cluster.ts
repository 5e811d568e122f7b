import { plural, group, version, type ClariveDaemon, type ClariveDaemonStatus } from '../api/clarive-daemon.ts';
import { fieldManager } from '../api/labels.ts';
import type { ObjectKey } from '../api/object-key.ts';
import type { Rendered } from '../desired/deployment.ts';
import type { Cluster } from '../reconcile/cluster.ts';
import { RefusedError } from '../reconcile/errors.ts';
import type { ObservedDeployment, ObservedPod } from '../status/observed.ts';
import { ApiError } from './api-error.ts';
import { mergePatch } from './merge-patch.ts';
import type { RawObject } from './reflector.ts';
import type { Store, Stored } from './store.ts';
import type { ApiRequest, Transport } from './transport.ts';

export interface StoredDaemon extends Stored {
  daemon: ClariveDaemon;
}

export interface KubeClusterOptions {
  transport: Transport;
  daemons: Store<StoredDaemon>;
  children: Store<ObservedDeployment>;
  pods: Store<ObservedPod>;
  observeDaemon: (object: RawObject) => StoredDaemon;
  observeChild: (object: RawObject) => ObservedDeployment;
}

const mergePatchType = 'application/merge-patch+json';
const jsonPatchType = 'application/json-patch+json';
const applyPatchType = 'application/apply-patch+yaml';

/** Writes name their manager, and have the server refuse fields that it does not know rather than drop them. */
const written = { fieldManager, fieldValidation: 'Strict' };

/** The cluster of the story, on a real API server: reads from the watches' stores, writes through the transport. */
export class KubeCluster implements Cluster {
  readonly #options: KubeClusterOptions;

  constructor(options: KubeClusterOptions) {
    this.#options = options;
  }

  daemon(key: ObjectKey): ClariveDaemon | undefined {
    return this.#options.daemons.get(key)?.daemon;
  }

  child(key: ObjectKey): ObservedDeployment | undefined {
    return this.#options.children.get(key);
  }

  pods(key: ObjectKey): ObservedPod[] {
    return this.#options.pods.indexed(key);
  }

  /** A plain create: it costs the server a third less than an apply, and can never touch a Deployment that exists. */
  async createChild({ deployment }: Rendered): Promise<void> {
    const { namespace = '' } = deployment.metadata;
    await this.#writeChild({ method: 'POST', path: deploymentsPath(namespace), body: deployment, query: written });
  }

  /** Server-side apply: what others added to the child stays, what we no longer want goes. */
  async applyChild(child: ObservedDeployment, { deployment }: Rendered): Promise<void> {
    const path = childPath(child);
    await this.#ownByApply(path);
    const body = { ...deployment, metadata: { ...deployment.metadata, uid: child.uid } };
    const query = { ...written, force: true };
    await this.#writeChild({ method: 'PATCH', path, body, query, contentType: applyPatchType });
  }

  /** The cheapest write there is; the uid keeps it from a Deployment that was made anew under this name. */
  async scaleChild(child: ObservedDeployment, replicas: number): Promise<void> {
    const body = { metadata: { uid: child.uid }, spec: { replicas } };
    const path = `${childPath(child)}/scale`;
    await this.#request({ method: 'PATCH', path, body, query: written, contentType: mergePatchType });
    this.#options.children.amend(child.key, child.uid, { replicas });
  }

  async writeStatus(daemon: ClariveDaemon, status: ClariveDaemonStatus): Promise<void> {
    const { namespace = '', name, uid } = daemon.metadata;
    const path = `/apis/${group}/${version}/namespaces/${namespace}/${plural}/${name}/status`;
    const body = { metadata: { uid }, status: mergePatch(daemon.status ?? {}, status) };
    const { transport, daemons, observeDaemon } = this.#options;
    const query = { fieldManager };
    const answer = await transport.request<RawObject>({
      method: 'PATCH',
      path,
      body,
      query,
      contentType: mergePatchType,
    });
    daemons.upsert(observeDaemon(answer));
  }

  /**
   * Fields of a created object belong to its manager as "Update", and an apply removes only what belongs to it as "Apply". So before the
   * first apply the entry is turned, as client-go's csaupgrade does for kubectl.
   */
  async #ownByApply(path: string): Promise<void> {
    const { transport } = this.#options;
    const current = await transport.request<RawObject>({ method: 'GET', path });
    const entries = (current.metadata['managedFields'] ?? []) as ManagedFields[];
    const index = entries.findIndex(isOwnUpdate);
    if (index === -1 || entries.some(isOwnApply)) return;
    const body = [
      { op: 'test', path: '/metadata/resourceVersion', value: current.metadata.resourceVersion },
      { op: 'replace', path: `/metadata/managedFields/${index}/operation`, value: 'Apply' },
    ];
    await transport.request({ method: 'PATCH', path, body, contentType: jsonPatchType, query: { fieldManager } });
  }

  async #writeChild(request: ApiRequest): Promise<void> {
    const answer = await this.#request(request);
    this.#options.children.upsert(this.#options.observeChild(answer));
  }

  async #request(request: ApiRequest): Promise<RawObject> {
    try {
      return await this.#options.transport.request<RawObject>(request);
    } catch (error) {
      throw asRefusal(error, request);
    }
  }
}

interface ManagedFields {
  manager?: string;
  operation?: string;
  subresource?: string;
}

function isOwnUpdate({ manager, operation, subresource }: ManagedFields): boolean {
  return manager === fieldManager && operation === 'Update' && !subresource;
}

function isOwnApply({ manager, operation }: ManagedFields): boolean {
  return manager === fieldManager && operation === 'Apply';
}

/**
 * Tells refusals that stay from failures that pass. 422 and 400: the server does not take the pod template. 403: a quota, an admission
 * plugin or missing rights. 409 on a create: the name is taken; on any other write the object has changed meanwhile.
 */
function asRefusal(error: unknown, { method }: ApiRequest): unknown {
  if (!(error instanceof ApiError)) return error;
  const { code, message } = error;
  if (code === 422 || code === 400) return new RefusedError('InvalidSpec', message, { cause: error });
  if (code === 403) return new RefusedError('AdmissionRejected', message, { cause: error });
  if (code === 409 && method === 'POST') return new RefusedError('Conflict', nameTaken(message), { cause: error });
  return error;
}

function nameTaken(message: string): string {
  return `${message}: it was not made for this daemon and is left alone; delete or rename it, or give this daemon another name`;
}

function deploymentsPath(namespace: string): string {
  return `/apis/apps/v1/namespaces/${namespace}/deployments`;
}

function childPath(child: ObservedDeployment): string {
  const slash = child.key.indexOf('/');
  return `${deploymentsPath(child.key.slice(0, slash))}/${child.key.slice(slash + 1)}`;
}
