import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';

/** How long credentials are reused before kubeconfig, token file, CA file or exec plugin are asked again. */
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
 * Every kind of authentication that client-node knows works (token file, client certificate, exec plugin, OIDC). Files are
 * read again once a minute, as client-go does, because the kubelet rotates tokens and CAs; and at once after a 401.
 */
export class Credentials {
  readonly #kubeConfig: KubeConfig;
  readonly #now: () => number;
  #access: Promise<Access> | undefined;
  #readAt = 0;

  constructor(kubeConfig: KubeConfig, now: () => number) {
    this.#kubeConfig = kubeConfig;
    this.#now = now;
  }

  get(): Promise<Access> {
    if (this.#access === undefined || this.#now() - this.#readAt >= refreshMs) {
      this.#readAt = this.#now();
      const access = this.#read();
      this.#access = access;
      access.catch(() => this.invalidate());
    }
    return this.#access;
  }

  /** Has the next request read everything anew: the server said 401. */
  invalidate(): void {
    this.#access = undefined;
  }

  async #read(): Promise<Access> {
    const cluster = this.#kubeConfig.getCurrentCluster();
    if (!cluster) throw new Error('Cannot find the current cluster in the kubeconfig');
    const options: RequestOptions = { headers: {} };
    await this.#kubeConfig.applyToHTTPSOptions(options);
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
}
