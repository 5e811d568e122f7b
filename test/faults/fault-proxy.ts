/** A proxy between one operator and the API server that does to requests, answers and connections what a test asks for. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { KubeConfig } from '@kubernetes/client-node';

export interface ProxiedRequest {
  method: string;
  /** Path with its query. */
  path: string;
  body: string;
}

/** What an operator gets in place of the API server's answer. */
export interface Refusal {
  code: number;
  /** The API server's word for the cause. */
  reason: string;
  retryAfterSeconds?: number;
}

/** What goes wrong. Whatever is left out goes well. */
export interface Fault {
  /**
   * Asked before a request goes on: undefined passes it on, `swallow` leaves it without an answer, `reset` breaks its
   * connection.
   */
  onRequest?: (request: ProxiedRequest) => Refusal | 'swallow' | 'reset' | undefined;
  /** Asked when the server has carried the request out: `withhold` keeps its answer from the operator. Not for watches. */
  onAnswer?: (request: ProxiedRequest, code: number) => 'withhold' | undefined;
  /** Told when the answer has been handed over to the operator's connection. Not for watches. */
  onDelivered?: (request: ProxiedRequest, code: number) => void;
}

export interface ProxyOptions {
  /** Kubeconfig of a cluster administrator. */
  kubeconfig: string;
  /** Name under which the API server and its audit log know the operator behind this proxy. */
  user: string;
}

/** One request on its way. */
interface Exchange {
  request: ProxiedRequest;
  response: ServerResponse;
  /** Nothing more goes through, and nothing closes. */
  isFrozen: boolean;
}

export function isWrite({ method }: ProxiedRequest): boolean {
  return method !== 'GET';
}

export function isWatch({ path }: ProxiedRequest): boolean {
  return path.includes('watch=true');
}

export class FaultProxy {
  /** What goes wrong from now on. */
  fault: Fault = {};
  /** How many watches were opened so far. */
  watches = 0;
  readonly #user: string;
  readonly #upstream: URL;
  readonly #tls: RequestOptions;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #exchanges = new Set<Exchange>();
  #freezes: (request: ProxiedRequest) => boolean = () => false;

  private constructor(user: string, upstream: URL, tls: RequestOptions) {
    this.#user = user;
    this.#upstream = upstream;
    this.#tls = tls;
    this.#server = createServer((incoming, response) => {
      this.#serve(incoming, response).catch(() => response.destroy());
    });
    this.#server.keepAliveTimeout = 0; // An API server keeps idle connections for longer than any scenario lasts.
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  /** Listens on a free port of 127.0.0.1. */
  static async start({ kubeconfig, user }: ProxyOptions): Promise<FaultProxy> {
    const config = new KubeConfig();
    config.loadFromFile(kubeconfig);
    const server = config.getCurrentCluster()?.server;
    if (!server) throw new Error(`Cannot find the current cluster in "${kubeconfig}"`);
    const options: RequestOptions = { headers: {} };
    await config.applyToHTTPSOptions(options);
    const { agent: _, headers: __, ...tls } = options;
    const proxy = new FaultProxy(user, new URL(server), tls);
    await once(proxy.#server.listen(0, '127.0.0.1'), 'listening');
    return proxy;
  }

  /** A kubeconfig without credentials: who the operator is, the proxy says. */
  kubeconfig(): string {
    const { port } = this.#server.address() as AddressInfo;
    const name = this.#user;
    // The client refuses servers without TLS unless it is told not to verify it.
    const cluster = { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true };
    return JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name, cluster }],
      users: [{ name, user: {} }],
      contexts: [{ name, context: { cluster: name, user: name } }],
      'current-context': name,
    });
  }

  /** Breaks the connections that `chosen` selects, all by default, with a TCP reset. Returns how many there were. */
  resetConnections(chosen: () => boolean = () => true): number {
    const sockets = [...this.#sockets].filter(chosen);
    for (const socket of sockets) socket.resetAndDestroy();
    return sockets.length;
  }

  /** Half-open: of these requests, those under way and all that follow, nothing comes through and nothing is closed. */
  freeze(chosen: (request: ProxiedRequest) => boolean = () => true): void {
    this.#freezes = chosen;
    for (const exchange of this.#exchanges) exchange.isFrozen ||= chosen(exchange.request);
  }

  /** As `freeze`, for what is under way alone: later requests pass. Returns how many were frozen. */
  freezePresent(chosen: (request: ProxiedRequest) => boolean): number {
    const present = [...this.#exchanges].filter(({ request }) => chosen(request));
    for (const exchange of present) exchange.isFrozen = true;
    return present.length;
  }

  /** Ends `freeze`: what was frozen is cut off, what comes passes. */
  thaw(): void {
    this.#freezes = () => false;
    for (const { isFrozen, response } of this.#exchanges) if (isFrozen) response.destroy();
  }

  async close(): Promise<void> {
    const closed = once(this.#server.close(), 'close');
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    this.#agent.destroy();
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await textOf(incoming);
    const request = { method: incoming.method ?? '', path: incoming.url ?? '', body };
    const exchange: Exchange = { request, response, isFrozen: this.#freezes(request) };
    this.#exchanges.add(exchange);
    response.once('close', () => this.#exchanges.delete(exchange));
    if (exchange.isFrozen) return;
    const instead = this.fault.onRequest?.(request);
    if (instead === 'reset') incoming.socket.resetAndDestroy();
    else if (instead === 'swallow') exchange.isFrozen = true;
    else if (instead) refuse(response, instead);
    else this.#forward(exchange, incoming);
  }

  #forward(exchange: Exchange, { headers }: IncomingMessage): void {
    const { request, response } = exchange;
    const identity = { 'impersonate-user': this.#user, 'impersonate-group': 'system:masters' };
    const upstream = httpsRequest({
      ...this.#tls,
      host: this.#upstream.hostname,
      port: this.#upstream.port,
      method: request.method,
      path: request.path,
      headers: { ...headers, ...identity, host: this.#upstream.host, connection: 'keep-alive' },
      agent: this.#agent,
    });
    // As if the operator had been connected to the API server itself.
    const cut = () => {
      if (!exchange.isFrozen) response.destroy();
    };
    upstream.on('error', cut);
    upstream.on('response', (answer) => {
      answer.on('error', cut);
      if (isWatch(request) && answer.statusCode === 200) this.#stream(exchange, answer);
      else this.#answer(exchange, answer).catch(cut);
    });
    response.once('close', () => {
      if (!response.writableFinished) upstream.destroy();
    });
    upstream.end(request.body);
  }

  #stream(exchange: Exchange, answer: IncomingMessage): void {
    const { response } = exchange;
    this.watches++;
    response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    answer.on('data', (chunk: Buffer) => {
      if (!exchange.isFrozen) response.write(chunk);
    });
    answer.on('end', () => {
      if (!exchange.isFrozen) response.end();
    });
  }

  async #answer(exchange: Exchange, answer: IncomingMessage): Promise<void> {
    const { request, response } = exchange;
    const text = await textOf(answer);
    const code = answer.statusCode ?? 0;
    if (this.fault.onAnswer?.(request, code) === 'withhold') exchange.isFrozen = true;
    if (exchange.isFrozen) return;
    const retryAfter = answer.headers['retry-after'];
    response.writeHead(code, {
      'content-type': answer.headers['content-type'] ?? 'application/json',
      ...(retryAfter && { 'retry-after': retryAfter }),
    });
    response.end(text, () => this.fault.onDelivered?.(request, code));
  }
}

function refuse(response: ServerResponse, { code, reason, retryAfterSeconds }: Refusal): void {
  const retryAfter = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) };
  response.writeHead(code, { 'content-type': 'application/json', ...retryAfter });
  response.end(JSON.stringify(failureStatus(code, reason)));
}

/** A Status as the API server words it. */
function failureStatus(code: number, reason: string): object {
  const message = `${reason}, says the fault proxy`;
  return { apiVersion: 'v1', kind: 'Status', metadata: {}, status: 'Failure', code, reason, message };
}

async function textOf(stream: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
