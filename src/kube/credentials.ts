import type { RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';

/** How long credentials are reused before CA, certificates and token are asked for again, as in client-go. */
const refreshMs = 60_000;

export interface Access {
  server: URL;
  headers: Record<string, string>;
  /** ca, cert, key, servername, rejectUnauthorized: everything of the TLS handshake. */
  tls: RequestOptions;
  /** The client's own agent, only if the kubeconfig names a proxy. */
  proxyAgent: RequestOptions['agent'];
  /** Changes when and only when connections opened earlier should no longer be used. */
  fingerprint: string;
}

/**
 * What a request needs to be let in, from a kubeconfig or from the pod's service account.
 *
 * Every kind of authentication that client-node knows works (token file, client certificate, exec plugin, OIDC). Files are read again
 * once a minute, because the kubelet rotates tokens and CAs, and everything is asked for anew after a 401. Requests that come
 * meanwhile share one reading.
 */
export class Credentials {
  #kubeConfig: KubeConfig;
  readonly #nowMs: () => number;
  #access: Promise<Access> | undefined;
  /** The last that was read: good enough while files can't be read for a moment. */
  #last: Access | undefined;
  #readAtMs = 0;

  /** `nowMs` counts milliseconds and never jumps. */
  constructor(kubeConfig: KubeConfig, nowMs: () => number) {
    this.#kubeConfig = kubeConfig;
    this.#nowMs = nowMs;
  }

  get(): Promise<Access> {
    if (this.#access === undefined || this.#nowMs() - this.#readAtMs >= refreshMs) {
      this.#readAtMs = this.#nowMs();
      this.#access = this.#refresh();
    }
    return this.#access;
  }

  /** The server said 401 to this access: the next request reads everything anew, past the client's own caches. */
  reject(access: Access): void {
    if (access !== this.#last) return;
    this.#last = undefined;
    this.#access = undefined;
    this.#kubeConfig = withoutCaches(this.#kubeConfig);
  }

  async #refresh(): Promise<Access> {
    const kubeConfig = this.#kubeConfig;
    try {
      const access = await readAccess(kubeConfig);
      if (kubeConfig === this.#kubeConfig) this.#last = access;
      return access;
    } catch (cause) {
      if (this.#last) return this.#last;
      if (kubeConfig === this.#kubeConfig) this.#access = undefined;
      throw new Error(`Cannot read the credentials for the API server: ${messageOf(cause)}`, { cause });
    }
  }
}

async function readAccess(kubeConfig: KubeConfig): Promise<Access> {
  const cluster = kubeConfig.getCurrentCluster();
  if (!cluster) throw new Error('Cannot find the current cluster in the kubeconfig');
  const options: RequestOptions = { headers: {} };
  await kubeConfig.applyToHTTPSOptions(options);
  const { headers, auth, agent, ...tls } = options;
  const sent = Object.fromEntries(
    Object.entries(headers ?? {}).map(([name, value]) => [name, String(value).trim()]),
  );
  if (auth) sent['Authorization'] = `Basic ${Buffer.from(auth).toString('base64')}`;
  return {
    server: new URL(cluster.server),
    headers: sent,
    tls,
    proxyAgent: cluster.proxyUrl ? agent : undefined,
    fingerprint: [tls.ca, tls.cert, tls.key].map(String).join('\n'),
  };
}

/** The client keeps the token of a file for a minute, and that of an exec plugin without an expiry for ever. */
function withoutCaches(kubeConfig: KubeConfig): KubeConfig {
  const fresh = new KubeConfig();
  fresh.loadFromOptions({
    clusters: kubeConfig.getClusters(),
    contexts: kubeConfig.getContexts(),
    users: kubeConfig.getUsers(),
    currentContext: kubeConfig.getCurrentContext(),
  });
  return fresh;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
