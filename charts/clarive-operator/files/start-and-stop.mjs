// `helm test`: creates a ClariveDaemon, waits until it is active, stops it, waits until it is stopped, and deletes it.
// Arguments: the file with its manifest, the seconds that all this may take, and the file with a token, if it is not that of a pod.
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const podToken = '/var/run/secrets/kubernetes.io/serviceaccount/token';
const [manifestFile, timeoutSeconds, tokenFile = podToken] = process.argv.slice(2);
const manifest = JSON.parse(readFileSync(manifestFile, 'utf8'));
const { name, namespace } = manifest.metadata;
const deadline = Date.now() + Number(timeoutSeconds) * 1000;
const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
const collection = `/apis/clarive.com/v1/namespaces/${namespace}/clarivedaemons`;

async function request(method, path, body, contentType = 'application/json') {
  const token = readFileSync(tokenFile, 'utf8');
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

const isUpToDate = ({ metadata, status }) => status?.observedGeneration === metadata?.generation;

const never = () => false;
const needsHelp = (daemon) => isUpToDate(daemon) && condition(daemon, 'Stalled')?.status === 'True';

/** Waits until it holds; throws what the status says if it is hopeless, or when the time is over. */
async function until(what, holds, isHopeless) {
  for (;;) {
    const daemon = await request('GET', `${collection}/${name}`);
    if (holds(daemon)) return console.log(`${name} is ${what}`);
    const { reason = 'no operator has seen it', message = '' } = condition(daemon, 'Ready') ?? {};
    if (isHopeless(daemon)) throw new Error(`${name} does not become ${what}: ${reason} ${message}`);
    if (Date.now() > deadline)
      throw new Error(`${name} is not ${what} after ${timeoutSeconds} s: ${reason} ${message}`);
    await delay(500);
  }
}

async function remove() {
  // Without propagationPolicy: soon after the CRDs were installed, the garbage collector takes half a minute to know of them.
  await request('DELETE', `${collection}/${name}`);
  await until('gone', ({ isGone }) => isGone, never);
}

const isActive = (daemon) => isUpToDate(daemon) && condition(daemon, 'Active')?.status === 'True';
const isStopped = (daemon) => isUpToDate(daemon) && condition(daemon, 'Ready')?.reason === 'Stopped';

async function startAndStop() {
  await until('active', isActive, needsHelp);
  const scale = { spec: { replicas: 0 } };
  await request('PATCH', `${collection}/${name}/scale`, scale, 'application/merge-patch+json');
  await until('stopped', isStopped, needsHelp);
}

try {
  await remove(); // What a test that was interrupted has left.
  await request('POST', collection, manifest);
  try {
    await startAndStop();
  } catch (error) {
    // Its own failure would hide the first one.
    await request('DELETE', `${collection}/${name}`).catch(({ message }) => console.error(message));
    throw error;
  }
  await remove();
} catch (error) {
  console.error(error.message, error.cause?.message ?? '');
  process.exitCode = 1;
}
