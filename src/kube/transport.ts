import http from 'node:http';
import https from 'node:https';
import type { IncomingMessage } from 'node:http';
import { ApiError } from './api-error.ts';
import type { Access, Credentials } from './credentials.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface ApiRequest {
  method: Method;
  path: string;
  query?: Record<string, string | number | boolean | undefined>;
  body?: unknown;
  /** Media type of the body; for PATCH it says which kind of patch. */
  contentType?: string;
  timeoutMs?: number;
  signal?: AbortSignal;
}

/** Reports each answer (`code` is the HTTP status or `<error>`), for the rest_client metrics. */
export type RequestObserver = (request: ApiRequest, code: string) => void;

export interface TransportOptions {
  credentials: Credentials;
  userAgent: string;
  maxSockets?: number;
  timeoutMs?: number;
  onResponse?: RequestObserver;
}

/** A Go API server closes idle connections after 90 s: ours are given up well before. */
const idleSocketMs = 60_000;

/**
 * Speaks with one API server, in raw JSON over kept-alive connections: the generated classes of client-node open a connection for
 * each request and drop the fields that they do not know.
 *
 * It decides no retries, with one exception: a kept-alive connection that the server closed just when it was used again
 * is replaced at once, because nothing of the request arrived.
 */
export class Transport {
  readonly #credentials: Credentials;
  readonly #userAgent: string;
  readonly #maxSockets: number;
  readonly #timeoutMs: number;
  readonly #onResponse: RequestObserver;
  #pool: { fingerprint: string; agent: http.Agent } | undefined;

  constructor(options: TransportOptions) {
    this.#credentials = options.credentials;
    this.#userAgent = options.userAgent;
    this.#maxSockets = options.maxSockets ?? 24;
    this.#timeoutMs = options.timeoutMs ?? 15_000;
    this.#onResponse = options.onResponse ?? (() => undefined);
  }

  /** Returns the parsed answer; throws `ApiError` if the server refused, the network's own error if it was not reached. */
  async request<T>(request: ApiRequest): Promise<T> {
    const signal = withDeadline(request.signal, request.timeoutMs ?? this.#timeoutMs);
    const response = await this.#send(request, signal);
    const text = await readAll(response);
    this.#report(request, response);
    const code = response.statusCode ?? 0;
    if (code >= 400) throw this.#refusal(response, text);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  /**
   * Opens a watch on a connection of its own, so that one dead socket hurts one stream. The answer's lines are read by
   * the caller; `request.signal` ends it. Throws like `request` if the watch is refused.
   */
  async stream(request: ApiRequest): Promise<IncomingMessage> {
    const signal = request.signal ?? new AbortController().signal;
    const opening = new AbortController();
    const timer = setTimeout(() => opening.abort(timeoutError(request)), request.timeoutMs ?? this.#timeoutMs);
    try {
      const response = await this.#send(request, AbortSignal.any([signal, opening.signal]), signal);
      const code = response.statusCode ?? 0;
      this.#report(request, response);
      if (code >= 400) throw this.#refusal(response, await readAll(response));
      return response;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Closes the idle connections; requests under way end by their own signal. */
  close(): void {
    this.#pool?.agent.destroy();
    this.#pool = undefined;
  }

  async #send(request: ApiRequest, signal: AbortSignal, streamSignal?: AbortSignal): Promise<IncomingMessage> {
    const access = await this.#credentials.get();
    try {
      return await this.#exchange(request, access, signal, streamSignal);
    } catch (error) {
      if (!(error instanceof StaleConnection)) {
        this.#onResponse(request, '<error>');
        throw error;
      }
      return this.#exchange(request, access, signal, streamSignal);
    }
  }

  #exchange(
    request: ApiRequest,
    access: Access,
    signal: AbortSignal,
    streamSignal: AbortSignal | undefined,
  ): Promise<IncomingMessage> {
    const { server } = access;
    const secure = server.protocol === 'https:';
    const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
    const options: https.RequestOptions = {
      ...access.tls,
      protocol: server.protocol,
      hostname: server.hostname.replace(/^\[|\]$/g, ''),
      port: server.port || (secure ? 443 : 80),
      method: request.method,
      path: pathOf(server, request),
      agent: access.proxyAgent ?? (streamSignal ? false : this.#agent(access)),
      headers: {
        ...access.headers,
        Accept: 'application/json',
        'User-Agent': this.#userAgent,
        ...(body && { 'Content-Type': request.contentType ?? 'application/json', 'Content-Length': body.length }),
      },
    };
    return new Promise((resolve, reject) => {
      const outgoing = (secure ? https : http).request(options);
      const abort = () => outgoing.destroy(asError(signal.reason));
      if (signal.aborted) return reject(asError(signal.reason));
      signal.addEventListener('abort', abort, { once: true });
      outgoing.once('response', (response: IncomingMessage) => {
        const settled = () => signal.removeEventListener('abort', abort);
        if (streamSignal) {
          // The opening deadline is over; from here on only the caller's own signal ends the stream.
          settled();
          const end = () => response.destroy(asError(streamSignal.reason));
          if (streamSignal.aborted) end();
          else streamSignal.addEventListener('abort', end, { once: true });
          response.once('close', () => streamSignal.removeEventListener('abort', end));
        } else response.once('close', settled);
        resolve(response);
      });
      outgoing.once('error', (error: NodeJS.ErrnoException) => {
        signal.removeEventListener('abort', abort);
        const stale = outgoing.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
        reject(stale && !signal.aborted ? new StaleConnection() : error);
      });
      outgoing.end(body);
    });
  }

  #agent(access: Access): http.Agent {
    if (this.#pool?.fingerprint === access.fingerprint) return this.#pool.agent;
    this.#pool?.agent.destroy();
    const secure = access.server.protocol === 'https:';
    const agent = new (secure ? https : http).Agent({
      keepAlive: true,
      keepAliveMsecs: 30_000,
      maxSockets: this.#maxSockets,
      maxFreeSockets: this.#maxSockets,
      scheduling: 'lifo',
      timeout: idleSocketMs,
    });
    this.#pool = { fingerprint: access.fingerprint, agent };
    return agent;
  }

  #refusal(response: IncomingMessage, body: string): ApiError {
    if (response.statusCode === 401) this.#credentials.invalidate();
    return new ApiError(response.statusCode ?? 0, body, response.headers['retry-after']);
  }

  #report(request: ApiRequest, response: IncomingMessage): void {
    this.#onResponse(request, String(response.statusCode));
  }
}

/** A kept-alive connection was closed by the server before the request could be sent on it. */
class StaleConnection extends Error {}

function pathOf(server: URL, request: ApiRequest): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(request.query ?? {})) {
    if (value !== undefined) query.set(name, String(value));
  }
  const search = query.size > 0 ? `?${query}` : '';
  return server.pathname.replace(/\/$/, '') + request.path + search;
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function withDeadline(signal: AbortSignal | undefined, timeoutMs: number): AbortSignal {
  const deadline = AbortSignal.timeout(timeoutMs);
  return signal ? AbortSignal.any([signal, deadline]) : deadline;
}

function timeoutError(request: ApiRequest): Error {
  return new Error(`Cannot open ${request.method} ${request.path}: no answer in time`);
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
