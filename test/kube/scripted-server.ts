import { once } from 'node:events';
import http, { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { KubeConfig } from '@kubernetes/client-node';
import { Credentials } from '../../src/kube/credentials.ts';
import { Transport, type TransportOptions } from '../../src/kube/transport.ts';

/** One request that the server has received; the test decides what becomes of it. */
export class Received {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
  readonly socket: Socket;
  readonly #response: ServerResponse;

  constructor(request: IncomingMessage, response: ServerResponse, text: string) {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://server');
    this.method = request.method ?? '';
    this.path = pathname;
    this.query = searchParams;
    this.headers = request.headers;
    this.body = text === '' ? undefined : JSON.parse(text);
    this.socket = request.socket;
    this.#response = response;
  }

  answer(code: number, body: unknown, headers: Record<string, string> = {}): void {
    this.#response.writeHead(code, { 'content-type': 'application/json', ...headers });
    this.#response.end(typeof body === 'string' ? body : JSON.stringify(body));
  }

  /** Sends the head of a good answer and leaves the body open. */
  open(headers: Record<string, string> = {}): this {
    this.#response.writeHead(200, { 'content-type': 'application/json', ...headers });
    this.#response.flushHeaders();
    return this;
  }

  /** Sends watch events, one line each. */
  send(...events: unknown[]): void {
    for (const event of events) this.write(`${JSON.stringify(event)}\n`);
  }

  write(bytes: string | Uint8Array): void {
    this.#response.write(bytes);
  }

  end(): void {
    this.#response.end();
  }

  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** Resolves when the client has closed the connection. */
  async closed(): Promise<void> {
    if (!this.socket.closed) await new Promise((resolve) => this.socket.once('close', resolve));
  }
}

/** A server on loopback that answers as the test says, request by request. It is closed when the test ends. */
export class ScriptedServer {
  readonly url: string;
  readonly sockets = new Set<Socket>();
  /** How many connections were ever made. */
  connections = 0;
  readonly #arrived: Received[] = [];
  readonly #waiting: ((received: Received) => void)[] = [];

  private constructor(url: string) {
    this.url = url;
  }

  static async start(t: TestContext, tls?: { key: string; cert: string }): Promise<ScriptedServer> {
    const native = tls ? https.createServer(tls) : http.createServer();
    // Only the client, or the test, closes a connection.
    native.keepAliveTimeout = 0;
    native.listen(0, '127.0.0.1');
    await once(native, 'listening');
    const { port } = native.address() as AddressInfo;
    const server = new ScriptedServer(`${tls ? 'https' : 'http'}://127.0.0.1:${port}`);
    native.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => {
      server.connections += 1;
      server.sockets.add(socket);
      socket.once('close', () => server.sockets.delete(socket));
    });
    native.on('request', (request: IncomingMessage, response: ServerResponse) => {
      let text = '';
      request.setEncoding('utf8');
      request.on('data', (chunk: string) => (text += chunk));
      request.once('end', () => server.#take(new Received(request, response, text)));
    });
    t.after(() => {
      for (const socket of server.sockets) socket.destroy();
      native.close();
    });
    return server;
  }

  /** The next request, in the order of arrival. */
  next(): Promise<Received> {
    const received = this.#arrived.shift();
    if (received) return Promise.resolve(received);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Requests that came and that nobody has asked for. */
  get unanswered(): number {
    return this.#arrived.length;
  }

  kubeConfig(user: Record<string, unknown> = {}): KubeConfig {
    const config = new KubeConfig();
    config.loadFromOptions({
      clusters: [{ name: 'test', server: this.url, skipTLSVerify: true }],
      users: [{ name: 'test', ...user }],
      contexts: [{ name: 'test', cluster: 'test', user: 'test' }],
      currentContext: 'test',
    });
    return config;
  }

  transport(t: TestContext, options: Partial<TransportOptions> = {}): Transport {
    const credentials = new Credentials(this.kubeConfig(), () => performance.now());
    const transport = new Transport({ credentials, userAgent: 'clarive-operator/test', ...options });
    t.after(() => transport.close());
    return transport;
  }

  #take(received: Received): void {
    const waiting = this.#waiting.shift();
    if (waiting) waiting(received);
    else this.#arrived.push(received);
  }
}
