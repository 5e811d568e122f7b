import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Writes a kubeconfig with embedded credentials: those of `<pki>/<certificate>.crt` and `.key`. */
export async function writeKubeconfig(
  path: string,
  server: string,
  pki: string,
  certificate: string,
): Promise<void> {
  const [ca, crt, key] = await Promise.all(
    ['ca.crt', `${certificate}.crt`, `${certificate}.key`].map((file) => readFile(join(pki, file), 'base64')),
  );
  const name = 'clarive-operator';
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server, 'certificate-authority-data': ca } }],
    users: [{ name, user: { 'client-certificate-data': crt, 'client-key-data': key } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  };
  await writeFile(path, JSON.stringify(kubeconfig, null, 2), { mode: 0o600 });
}
