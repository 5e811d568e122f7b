import { readFile } from 'node:fs/promises';
import { Agent, get } from 'node:https';
import { join } from 'node:path';

/** Asks an API server with the administrator's certificate. */
export interface ApiServerClient {
  /** Status code and body of a GET; undefined if there is no answer. */
  get(path: string): Promise<{ status: number; body: string } | undefined>;
}

/** A client for the API server on a port of 127.0.0.1; `pki` holds the certificates. */
export async function apiServerClient(pki: string, port: number): Promise<ApiServerClient> {
  const [ca, cert, key] = await Promise.all(
    ['ca.crt', 'admin.crt', 'admin.key'].map((file) => readFile(join(pki, file), 'utf8')),
  );
  const agent = new Agent({ keepAlive: false, ...(ca && cert && key ? { ca, cert, key } : {}) });
  return {
    get: (path) =>
      new Promise((resolve) => {
        const request = get({ host: '127.0.0.1', port, path, agent, timeout: 5000 }, (response) => {
          let body = '';
          response.setEncoding('utf8').on('data', (text: string) => (body += text));
          response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
          response.on('error', () => resolve(undefined));
        });
        request.on('timeout', () => request.destroy());
        request.on('error', () => resolve(undefined));
      }),
  };
}
