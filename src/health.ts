import http from 'node:http';
import type { AddressInfo } from 'node:net';

export interface HealthChecks {
  /** Whether the process should go on at all; if not, Kubernetes restarts it. */
  live: () => boolean;
  /** Whether every watch has shown what exists. */
  ready: () => boolean;
}

export interface HealthServer {
  port: number;
  close(): Promise<void>;
}

/** Serves /livez and /readyz for the kubelet: 200 `ok` or 503 `not ok`. */
export async function serveHealth(port: number, checks: HealthChecks): Promise<HealthServer> {
  const answers: Record<string, (() => boolean) | undefined> = {
    '/livez': checks.live,
    '/healthz': checks.live,
    '/readyz': checks.ready,
  };
  const server = http.createServer((request, response) => {
    const check = answers[request.url?.split('?')[0] ?? ''];
    const ok = check?.();
    response.statusCode = check === undefined ? 404 : ok ? 200 : 503;
    response.end(check === undefined ? 'not found' : ok ? 'ok' : 'not ok');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, resolve);
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
