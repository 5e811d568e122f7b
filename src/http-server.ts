import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ListenAddress {
  /** Absent: all addresses of this machine. */
  host?: string;
  /** 0 picks a free one. */
  port: number;
}

export interface HttpServer {
  readonly port: number;
  /** Ends the answers under way, too. */
  close(): Promise<void>;
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** Serves GET and HEAD of these paths. A handler that fails answers 500 and says why, and hurts nobody else. */
export async function serveHttp(
  { host, port }: ListenAddress,
  handlers: Readonly<Record<string, Handler>>,
): Promise<HttpServer> {
  const byPath = new Map(Object.entries(handlers));
  const server = http.createServer((request, response) => {
    void answer(byPath.get(pathOf(request)), request, response);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host }, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export function sendText(response: ServerResponse, statusCode: number, text: string): void {
  response.writeHead(statusCode, {
    'Content-Type': 'text/plain; charset=utf-8',
    'X-Content-Type-Options': 'nosniff',
  });
  response.end(`${text}\n`);
}

async function answer(
  handler: Handler | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (!handler) return sendText(response, 404, 'not found');
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    return sendText(response, 405, 'only GET is allowed');
  }
  try {
    await handler(request, response);
  } catch (error) {
    if (response.headersSent) response.destroy();
    else sendText(response, 500, error instanceof Error ? error.message : String(error));
  }
}

function pathOf(request: IncomingMessage): string {
  return request.url?.split('?')[0] ?? '';
}
