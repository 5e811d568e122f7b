import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { get, type RequestOptions } from 'node:https';
import { json } from 'node:stream/consumers';
import { KubeConfig } from '@kubernetes/client-node';

interface Table {
  columnDefinitions: { name: string }[];
  rows: { cells: unknown[] }[];
}

/** Returns the object at a path of the API server as `kubectl get -o wide` shows it: cells by column. */
export async function tableRow(path: string): Promise<Record<string, unknown>> {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromDefault();
  const options: RequestOptions = {};
  await kubeConfig.applyToHTTPSOptions(options);
  const headers = { ...options.headers, Accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };
  const request = get(new URL(path, kubeConfig.getCurrentCluster()?.server), { ...options, headers });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const { columnDefinitions, rows } = (await json(response)) as Table;
  return Object.fromEntries(columnDefinitions.map(({ name }, index) => [name, rows[0]?.cells[index]]));
}
