import http from 'node:http';
import https from 'node:https';
import type { IncomingMessage } from 'node:http';
import { createSecureContext, type ConnectionOptions } from 'node:tls';
import { ApiError } from './api-error.ts';
import type { Access, Credentials } from './credentials.ts';
import { type Answer, exchange, isSuccess, StaleConnectionError } from './exchange.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface ApiRequest {
  method: Method;
  path: string;
  query?: Record<string, string | number | boolean | undefined>;
  body?: unknown;
  /** Media type of the body; for PATCH it says which kind of patch. */
  contentType?: string;
  /** 15 s by default: for the whole answer, or until a watch is open. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

/** Reports each answer (`code` is the HTTP status or `<error>`), for the rest_client metrics. */
export type RequestObserver = (request: ApiRequest, code: string) => void;

export interface TransportOptions {
  credentials: Pick<Credentials, 'get' | 'reject'>;
  userAgent: string;
  timeoutMs?: number;
  onResponse?: RequestObserver;
}

/** A Go API server closes idle connections after 90 s: ours are given up well before. */
const idleSocketMs = 60_000;

type TlsOptions = https.RequestOptions & Pick<ConnectionOptions, 'secureContext'>;

/** The connections that were opened with the same certificates. */
interface Pool {
  fingerprint: string;
  agent: http.Agent;
  /** With a context that is made once: of certificates each connection would parse its own copy, and the agent compare them for each request. */
  tls: TlsOptions;
}

/**
 * Speaks with one API server, in raw JSON over kept-alive connections: the generated classes of client-node open a connection for
 * each request and drop the fields that they do not know. How many requests run at once is for the callers to limit.
 *
 * It decides no retries, with one exception: when a kept-alive connection breaks just as it is used again, the request is
 * sent once more. Not a POST: the server may have taken the first, and would call the second a conflict.
 */
export class Transport {
  readonly #credentials: TransportOptions['credentials'];
  readonly #userAgent: string;
  readonly #timeoutMs: number;
  readonly #onResponse: RequestObserver;
  #pool: Pool | undefined;

  constructor(options: TransportOptions) {
    this.#credentials = options.credentials;
    this.#userAgent = options.userAgent;
    this.#timeoutMs = options.timeoutMs ?? 15_000;
    this.#onResponse = options.onResponse ?? (() => undefined);
  }

  /** Returns the parsed answer; throws `ApiError` if the server refused, an error with the network's own as cause if it was not reached. */
  async request<T>(request: ApiRequest): Promise<T> {
    const { text } = await this.#send(request, false);
    try {
      return (text === '' ? undefined : JSON.parse(text)) as T;
    } catch (cause) {
      throw failed(request, cause);
    }
  }

  /**
   * Opens a watch on a connection of its own, so that one dead socket hurts one stream. The answer's lines are read by
   * the caller; `request.signal` ends it. Throws like `request` if the watch is refused.
   */
  async stream(request: ApiRequest): Promise<IncomingMessage> {
    const { response } = await this.#send(request, true);
    return response;
  }

  /** Closes the connections as they become idle; requests under way end by themselves or by their own signal. */
  close(): void {
    if (this.#pool) retire(this.#pool.agent);
    this.#pool = undefined;
  }

  async #send(request: ApiRequest, streamed: boolean): Promise<Answer> {
    try {
      const access = await this.#credentials.get();
      const answer = await this.#exchange(request, access, streamed);
      this.#onResponse(request, String(answer.response.statusCode));
      if (!isSuccess(answer.response)) throw this.#refusal(request, access, answer);
      return answer;
    } catch (error) {
      if (error instanceof ApiError) throw error;
      this.#onResponse(request, '<error>');
      throw failed(request, error);
    }
  }

  async #exchange(request: ApiRequest, access: Access, streamed: boolean): Promise<Answer> {
    const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
    const { signal, timeoutMs = this.#timeoutMs } = request;
    const attempt = () =>
      exchange({
        options: this.#requestOptions(request, access, streamed, body),
        body,
        timeoutMs,
        signal,
        streamed,
      });
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof StaleConnectionError) || request.method === 'POST') throw error;
      return attempt();
    }
  }

  #requestOptions(
    request: ApiRequest,
    access: Access,
    streamed: boolean,
    body?: Buffer,
  ): https.RequestOptions {
    const { server, proxyAgent } = access;
    const { agent, tls } = this.#poolOf(access);
    return {
      ...(proxyAgent ? access.tls : tls),
      protocol: server.protocol,
      hostname: server.hostname.replace(/^\[|\]$/g, ''),
      port: server.port || (server.protocol === 'https:' ? 443 : 80),
      method: request.method,
      path: pathOf(server, request),
      agent: proxyAgent ?? (streamed ? false : agent),
      headers: {
        ...access.headers,
        Accept: 'application/json',
        'User-Agent': this.#userAgent,
        ...(body && {
          'Content-Type': request.contentType ?? 'application/json',
          'Content-Length': body.length,
        }),
      },
    };
  }

  /** For these certificates. Connections of others finish what they do and are not used again. */
  #poolOf({ fingerprint, server, tls }: Access): Pool {
    if (this.#pool?.fingerprint === fingerprint) return this.#pool;
    this.close();
    const isSecure = server.protocol === 'https:';
    const Agent = isSecure ? https.Agent : http.Agent;
    const agent = new Agent({ keepAlive: true, keepAliveMsecs: 30_000, timeout: idleSocketMs });
    this.#pool = { fingerprint, agent, tls: isSecure ? withContext(tls) : {} };
    return this.#pool;
  }

  #refusal(request: ApiRequest, access: Access, { response, text }: Answer): ApiError {
    const { statusCode = 0, headers } = response;
    if (statusCode === 401) this.#credentials.reject(access);
    return new ApiError(statusCode, text, { request: describe(request), retryAfter: headers['retry-after'] });
  }
}

function withContext({ ca, cert, key, ...tls }: Access['tls']): TlsOptions {
  return { ...tls, secureContext: createSecureContext({ ca, cert, key }) };
}

/** Unlike `destroy`, leaves the requests under way alone. */
function retire(agent: http.Agent): void {
  agent.maxFreeSockets = 0;
  for (const sockets of Object.values(agent.freeSockets)) {
    for (const socket of sockets ?? []) socket.destroy();
  }
}

function pathOf(server: URL, { path, query = {} }: ApiRequest): string {
  let search = '';
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) search += `${search ? '&' : '?'}${name}=${encodeURIComponent(value)}`;
  }
  return server.pathname.replace(/\/$/, '') + path + search;
}

function describe({ method, path }: ApiRequest): string {
  return `${method} ${path}`;
}

/** Says what was tried. Node leaves the message empty when it tried several addresses in vain. */
function failed(request: ApiRequest, cause: unknown): Error {
  const { message, code } = cause as NodeJS.ErrnoException;
  return new Error(`${describe(request)} failed: ${message || code || String(cause)}`, { cause });
}
