/** The API server as tests see it: plain JSON over HTTPS, independent of the code under test. */
import type { IncomingMessage } from 'node:http';
import { Agent, request, type RequestOptions } from 'node:https';
import { createInterface } from 'node:readline';
import { KubeConfig } from '@kubernetes/client-node';
import type { DeepPartial } from '../../src/api/kubernetes.ts';
import type { Resource } from './resources.ts';

export interface Call {
  method: string;
  /** Path with its query. */
  path: string;
  body?: unknown;
  contentType?: string;
  signal?: AbortSignal;
}

export interface Answer {
  code: number;
  headers: IncomingMessage['headers'];
  /** The parsed JSON, or the text if it is none. */
  body: unknown;
}

export interface WatchEvent<Body> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  object: Body;
}

/** Selectors and other parameters, named as the API server names them. */
export type Query = Record<string, string | number | boolean>;

/** Parameters of a write. */
export interface WriteOptions {
  subresource?: string;
  query?: Query;
}

export interface ApplyOptions extends WriteOptions {
  /** `test` by default. */
  fieldManager?: string;
  /** Takes fields from other managers instead of failing. */
  force?: boolean;
}

export interface PatchOptions extends WriteOptions {
  /** `merge` by default. */
  type?: 'merge' | 'json' | 'strategic';
}

/** The API server refused a request. */
export class KubeError extends Error {
  readonly code: number;
  /** The API server's word for the cause, such as `NotFound` or `Invalid`. */
  readonly reason: string | undefined;

  constructor({ method, path }: Call, { code, body }: Answer) {
    const { message, reason } = body as { message?: string; reason?: string };
    super(`${method} ${path} answered ${code}: ${message ?? JSON.stringify(body)}`);
    this.name = 'KubeError';
    this.code = code;
    this.reason = reason;
  }
}

const patchTypes = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  strategic: 'application/strategic-merge-patch+json',
};

/** Where the API server is and who asks. */
interface Access {
  server: URL;
  tls: RequestOptions;
  headers: Record<string, string | string[]>;
  agent: Agent;
}

/** Talks to the API server as one user about one namespace. */
export class KubeClient {
  readonly namespace: string;
  readonly #access: Access;

  private constructor(access: Access, namespace: string) {
    this.#access = access;
    this.namespace = namespace;
  }

  /** The current context of a kubeconfig file: by default the one of the cluster that `npm test` started. */
  static async connect(kubeconfig = process.env['KUBECONFIG']): Promise<KubeClient> {
    if (!kubeconfig)
      throw new Error('Cannot find a cluster: set KUBECONFIG, or run this test with "npm test"');
    const config = new KubeConfig();
    config.loadFromFile(kubeconfig);
    const server = config.getCurrentCluster()?.server;
    if (!server) throw new Error(`Cannot find the current cluster in "${kubeconfig}"`);
    const options: RequestOptions = { headers: {} };
    await config.applyToHTTPSOptions(options);
    const { headers, agent: _, ...tls } = options;
    const agent = new Agent({ keepAlive: true, maxSockets: 32 });
    return new KubeClient(
      { server: new URL(server), tls, headers: headers as Access['headers'], agent },
      'default',
    );
  }

  /** The same user in another namespace. */
  in(namespace: string): KubeClient {
    return new KubeClient(this.#access, namespace);
  }

  /** Another user, by impersonation. */
  as(user: string, ...groups: string[]): KubeClient {
    const impersonation = {
      'Impersonate-User': user,
      ...(groups.length > 0 && { 'Impersonate-Group': groups }),
    };
    const headers = { ...this.#access.headers, ...impersonation };
    return new KubeClient({ ...this.#access, headers }, this.namespace);
  }

  /** Closes all connections. */
  close(): void {
    this.#access.agent.destroy();
  }

  /** Reads one object, or throws a KubeError with code 404. */
  async get<Body>(resource: Resource<Body>, name: string): Promise<Body> {
    return (await this.call({ method: 'GET', path: this.path(resource, name) })) as Body;
  }

  /** Reads one object; undefined if there is none. */
  async find<Body>(resource: Resource<Body>, name: string): Promise<Body | undefined> {
    const call = { method: 'GET', path: this.path(resource, name) };
    const answer = await this.send(call);
    if (answer.code === 404) return undefined;
    return bodyOf(call, answer) as Body;
  }

  async list<Body>(resource: Resource<Body>, query: Query = {}): Promise<Body[]> {
    return (await this.listPage(resource, query)).items;
  }

  /** A list with the resource version at which it was true. */
  async listPage<Body>(
    resource: Resource<Body>,
    query: Query = {},
  ): Promise<{ items: Body[]; metadata: { resourceVersion: string } }> {
    const path = this.path(resource, undefined, { query });
    return (await this.call({ method: 'GET', path })) as {
      items: Body[];
      metadata: { resourceVersion: string };
    };
  }

  /** `GET …/<name>/<subresource>`, such as `scale`. */
  async getSubresource<Body>(resource: Resource<unknown>, name: string, subresource: string): Promise<Body> {
    return (await this.call({ method: 'GET', path: this.path(resource, name, { subresource }) })) as Body;
  }

  async create<Body extends Named>(
    resource: Resource<Body>,
    object: DeepPartial<Body> | Body,
    options: WriteOptions = {},
  ): Promise<Body> {
    const path = this.path(resource, undefined, options);
    return (await this.call({ method: 'POST', path, body: typed(resource, object) })) as Body;
  }

  /** PUT: the object must carry its resource version if the kind demands it. */
  async replace<Body extends Named>(
    resource: Resource<Body>,
    object: Body,
    options: WriteOptions = {},
  ): Promise<Body> {
    const path = this.path(resource, object.metadata?.name, options);
    return (await this.call({ method: 'PUT', path, body: typed(resource, object) })) as Body;
  }

  /** Server-side apply. */
  async apply<Body extends Named>(
    resource: Resource<Body>,
    object: DeepPartial<Body> | Body,
    { fieldManager = 'test', force = false, subresource, query }: ApplyOptions = {},
  ): Promise<Body> {
    const { name } = object.metadata ?? {};
    const options = { ...(subresource && { subresource }), query: { ...query, fieldManager, force } };
    const path = this.path(resource, name, options);
    const contentType = 'application/apply-patch+yaml';
    return (await this.call({ method: 'PATCH', path, contentType, body: typed(resource, object) })) as Body;
  }

  /** Changes parts of one object: a merge patch unless another type is named. */
  async patch<Body>(
    resource: Resource<Body>,
    name: string,
    patch: DeepPartial<Body> | Record<string, unknown> | unknown[],
    { type = 'merge', ...options }: PatchOptions = {},
  ): Promise<Body> {
    const path = this.path(resource, name, options);
    return (await this.call({ method: 'PATCH', path, contentType: patchTypes[type], body: patch })) as Body;
  }

  /** Sets `spec.replicas` as `kubectl scale` does. */
  async scale(resource: Resource<unknown>, name: string, replicas: number): Promise<void> {
    await this.patch(resource, name, { spec: { replicas } }, { subresource: 'scale' });
  }

  async delete(
    resource: Resource<unknown>,
    name: string,
    options: { propagationPolicy?: 'Background' | 'Foreground' | 'Orphan'; gracePeriodSeconds?: number } = {},
  ): Promise<void> {
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', ...options };
    await this.call({ method: 'DELETE', path: this.path(resource, name), body });
  }

  /** Events after `resourceVersion`, until the signal fires or the server ends the watch. */
  async *watch<Body>(
    resource: Resource<Body>,
    resourceVersion: string,
    signal: AbortSignal,
    query: Query = {},
  ): AsyncGenerator<WatchEvent<Body>> {
    const path = this.path(resource, undefined, { query: { ...query, watch: true, resourceVersion } });
    const call = { method: 'GET', path, signal };
    const response = await this.#open(call);
    if (response.statusCode !== 200) throw new KubeError(call, await readAnswer(response));
    try {
      for await (const line of createInterface({ input: response }))
        yield JSON.parse(line) as WatchEvent<Body>;
    } finally {
      response.destroy();
    }
  }

  /** The body of an answer; anything but 2xx is thrown as KubeError. */
  async call(call: Call): Promise<unknown> {
    return bodyOf(call, await this.send(call));
  }

  /** Any request, any answer. */
  async send(call: Call): Promise<Answer> {
    return readAnswer(await this.#open(call));
  }

  path(resource: Resource<unknown>, name?: string, { subresource, query = {} }: WriteOptions = {}): string {
    const api = resource.apiVersion.includes('/') ? 'apis' : 'api';
    const namespace = resource.namespaced ? ['namespaces', this.namespace] : [];
    const parts = [api, resource.apiVersion, ...namespace, resource.plural, name, subresource];
    const search = new URLSearchParams();
    for (const [key, value] of Object.entries(query)) search.set(key, String(value));
    return `/${parts.filter(Boolean).join('/')}${search.size > 0 ? `?${search.toString()}` : ''}`;
  }

  #open({ method, path, body, contentType = 'application/json', signal }: Call): Promise<IncomingMessage> {
    const { server, tls, agent, headers } = this.#access;
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const payload = Buffer.from(body === undefined ? '' : JSON.stringify(body));
    const options: RequestOptions = {
      ...tls,
      agent,
      method,
      headers: {
        ...headers,
        Accept: 'application/json',
        'Content-Type': contentType,
        // Node leaves it out of a DELETE, and the body is then taken for the next request.
        'Content-Length': payload.length,
      },
      ...(signal && { signal }),
    };
    const sent = request(new URL(path, server), options, resolve);
    sent.on('error', reject);
    sent.end(payload);
    return promise;
  }
}

interface Named {
  metadata?: { name?: string } | undefined;
}

function typed<Body>({ apiVersion, kind }: Resource<Body>, object: object): object {
  return { apiVersion, kind, ...object };
}

function bodyOf(call: Call, answer: Answer): unknown {
  if (answer.code >= 300) throw new KubeError(call, answer);
  return answer.body;
}

async function readAnswer(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  return { code: response.statusCode ?? 0, headers: response.headers, body: parsed(text) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
