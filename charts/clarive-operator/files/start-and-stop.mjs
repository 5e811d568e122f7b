// `helm test`: creates a ClariveDaemon, waits until it is active, stops it, waits until it is stopped, and deletes it.
// Arguments: the file with its manifest, and the seconds that all this may take.
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const [manifestFile, timeoutSeconds] = process.argv.slice(2);
const manifest = JSON.parse(readFileSync(manifestFile, 'utf8'));
const { name, namespace } = manifest.metadata;
const deadline = Date.now() + Number(timeoutSeconds) * 1000;
const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
const collection = `/apis/clarive.com/v1/namespaces/${namespace}/clarivedaemons`;

async function request(method, path, body, contentType = 'application/json') {
  const token = readFileSync('/var/run/secrets/kubernetes.io/serviceaccount/token', 'utf8');
  const response = await fetch(`https://${host.includes(':') ? `[${host}]` : host}:${port}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': contentType },
    ...(body && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(10_000),
  });
  const answer = await response.json();
  const isGone = response.status === 404 && method !== 'POST';
  if (response.ok || isGone) return { ...answer, isGone };
  throw new Error(`${method} ${path}: ${answer.message}`);
}

const condition = (daemon, type) => daemon.status?.conditions?.find((one) => one.type === type);

async function until(what, holds) {
  for (;;) {
    const daemon = await request('GET', `${collection}/${name}`);
    if (holds(daemon)) return console.log(`${name} is ${what}`);
    if (Date.now() > deadline) {
      const { reason = 'no operator has seen it', message = '' } = condition(daemon, 'Ready') ?? {};
      throw new Error(`${name} is not ${what} after ${timeoutSeconds} s: ${reason} ${message}`);
    }
    await delay(500);
  }
}

async function remove() {
  // Without propagationPolicy: soon after the CRDs were installed, the garbage collector takes half a minute to know of them.
  await request('DELETE', `${collection}/${name}`);
  await until('gone', ({ isGone }) => isGone);
}

const isUpToDate = ({ metadata, status }) => status?.observedGeneration === metadata?.generation;

try {
  await remove(); // What a test that was interrupted has left.
  await request('POST', collection, manifest);
  try {
    await until('active', (daemon) => isUpToDate(daemon) && condition(daemon, 'Active')?.status === 'True');
    const scale = { spec: { replicas: 0 } };
    await request('PATCH', `${collection}/${name}/scale`, scale, 'application/merge-patch+json');
    await until(
      'stopped',
      (daemon) => isUpToDate(daemon) && condition(daemon, 'Ready')?.reason === 'Stopped',
    );
  } finally {
    await remove();
  }
} catch (error) {
  console.error(error.message, error.cause?.message ?? '');
  process.exitCode = 1;
}
