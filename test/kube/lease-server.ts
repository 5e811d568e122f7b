import { ApiError } from '../../src/kube/api-error.ts';
import { type ObservedLease, observeLease } from '../../src/kube/lease-elector.ts';
import type { RawObject } from '../../src/kube/reflector.ts';
import type { ApiRequest } from '../../src/kube/transport.ts';

interface LeaseBody {
  metadata: { name: string; namespace: string; resourceVersion?: string; uid?: string };
  spec: { holderIdentity: string; leaseDurationSeconds: number; renewTime: string; acquireTime: string };
}

const microTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

/** One Lease as the API server keeps it: with preconditions, versions and the format of its times. */
export class LeaseServer {
  /** Method and outcome of each request: `PUT 200`. */
  readonly log: string[] = [];
  readonly watchers = new Set<(lease: ObservedLease | undefined) => void>();
  #lease: RawObject | undefined;
  #version = 1;

  get lease(): ObservedLease | undefined {
    return this.#lease && observeLease(this.#lease);
  }

  get holder(): string | undefined {
    return this.lease?.spec.holderIdentity;
  }

  /** Does what the request asks; throws the ApiError that the API server would answer. */
  handle({ method, path, body }: ApiRequest): RawObject {
    try {
      const answer = this.#handle(method, path, body as LeaseBody);
      this.log.push(`${method} 200`);
      return structuredClone(answer);
    } catch (error) {
      this.log.push(`${method} ${(error as ApiError).code}`);
      throw error;
    }
  }

  /** Somebody else writes the Lease. */
  write(spec: Record<string, unknown>): void {
    const metadata = this.#lease?.metadata ?? {
      name: 'operator',
      namespace: 'system',
      uid: `uid-${this.#version}`,
    };
    this.#store({ metadata: metadata as RawObject['metadata'], spec });
  }

  delete(): void {
    this.#version += 1;
    this.#lease = undefined;
    this.#tell();
  }

  #handle(method: string, path: string, body: LeaseBody): RawObject {
    const collection = '/apis/coordination.k8s.io/v1/namespaces/system/leases';
    if (path !== (method === 'POST' ? collection : `${collection}/operator`)) throw refusal(404, 'NotFound');
    if (method === 'POST' && this.#lease) throw refusal(409, 'AlreadyExists');
    if (method !== 'POST' && !this.#lease) throw refusal(404, 'NotFound');
    if (method === 'GET') return this.#lease!;
    const { metadata, spec } = body;
    if (!microTime.test(spec.renewTime) || !microTime.test(spec.acquireTime))
      throw refusal(400, 'BadRequest');
    const { resourceVersion, uid } = this.#lease?.metadata ?? {};
    if (metadata.resourceVersion !== resourceVersion || metadata.uid !== uid) throw refusal(409, 'Conflict');
    this.write(spec);
    return this.#lease!;
  }

  #store(lease: RawObject): void {
    this.#version += 1;
    this.#lease = { ...lease, metadata: { ...lease.metadata, resourceVersion: String(this.#version) } };
    this.#tell();
  }

  #tell(): void {
    for (const watcher of this.watchers) watcher(this.lease);
  }
}

function refusal(code: number, reason: string): ApiError {
  return new ApiError(code, JSON.stringify({ kind: 'Status', code, reason, message: reason }));
}
