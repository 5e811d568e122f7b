import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, mock, test, type TestContext } from 'node:test';
import { KubeConfig, type User } from '@kubernetes/client-node';
import { type Access, Credentials } from '../../src/kube/credentials.ts';

interface Files {
  token: string;
  ca: string;
  /** Puts a new token or CA in the place of the old one, as the kubelet does. */
  write: (file: 'token' | 'ca', text: string) => void;
  remove: (file: 'token' | 'ca') => void;
}

function someFiles(t: TestContext): Files {
  const folder = mkdtempSync(join(tmpdir(), 'clarive-credentials-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = (file: string) => join(folder, file);
  const write = (file: string, text: string) => {
    writeFileSync(path('new'), text);
    renameSync(path('new'), path(file));
  };
  write('token', 'one\n');
  write('ca', 'CA one');
  return { token: path('token'), ca: path('ca'), write, remove: (file) => rmSync(path(file)) };
}

function kubeConfig({ ca, token }: Files, user?: Partial<User>): KubeConfig {
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: [{ name: 'c', server: 'https://10.0.0.1:6443', caFile: ca, skipTLSVerify: false }],
    users: [
      { name: 'u', ...(user ?? { authProvider: { name: 'tokenFile', config: { tokenFile: token } } }) },
    ],
    contexts: [{ name: 'x', cluster: 'c', user: 'u' }],
    currentContext: 'x',
  });
  return config;
}

function bearer({ headers }: Access): string | undefined {
  return headers['Authorization'];
}

describe('credentials of a service account', () => {
  test('are the trimmed token, the CA and the server', async (t) => {
    const credentials = new Credentials(kubeConfig(someFiles(t)), () => 0);
    const access = await credentials.get();
    assert.equal(bearer(access), 'Bearer one');
    assert.equal(access.server.host, '10.0.0.1:6443');
    assert.equal(String(access.tls.ca), 'CA one');
    assert.equal(access.proxyAgent, undefined);
  });

  test('are read once for all requests of a minute, also for those that come at once', async (t) => {
    const config = kubeConfig(someFiles(t));
    const apply = mock.method(config, 'applyToHTTPSOptions');
    let nowMs = 0;
    const credentials = new Credentials(config, () => nowMs);
    const [first, second] = await Promise.all([credentials.get(), credentials.get()]);
    nowMs = 59_999;
    assert.equal(first, second);
    assert.equal(await credentials.get(), first);
    assert.equal(apply.mock.callCount(), 1);
    nowMs = 60_000;
    await Promise.all([credentials.get(), credentials.get()]);
    assert.equal(apply.mock.callCount(), 2);
  });

  test('show a new CA within a minute, and call for new connections only then', async (t) => {
    const files = someFiles(t);
    let nowMs = 0;
    const credentials = new Credentials(kubeConfig(files), () => nowMs);
    const { fingerprint } = await credentials.get();
    files.write('token', 'two');
    nowMs = 60_000;
    assert.equal((await credentials.get()).fingerprint, fingerprint);
    files.write('ca', 'CA two');
    nowMs = 120_000;
    const access = await credentials.get();
    assert.equal(String(access.tls.ca), 'CA two');
    assert.notEqual(access.fingerprint, fingerprint);
  });

  test('are read anew at once after a 401, past the token that the client remembers', async (t) => {
    const files = someFiles(t);
    const credentials = new Credentials(kubeConfig(files), () => 0);
    const access = await credentials.get();
    files.write('token', 'two');
    credentials.reject(access);
    assert.equal(bearer(await credentials.get()), 'Bearer two');
  });

  test('are not read again for a 401 to a request that was sent with earlier ones', async (t) => {
    const files = someFiles(t);
    const credentials = new Credentials(kubeConfig(files), () => 0);
    const old = await credentials.get();
    credentials.reject(old);
    const fresh = await credentials.get();
    credentials.reject(old);
    assert.equal(await credentials.get(), fresh);
  });

  test('stay in use while a file cannot be read for a moment', async (t) => {
    const files = someFiles(t);
    let nowMs = 0;
    const credentials = new Credentials(kubeConfig(files), () => nowMs);
    const access = await credentials.get();
    files.remove('ca');
    nowMs = 60_000;
    assert.equal(await credentials.get(), access);
  });
});

test('a failure is told and not remembered', async (t) => {
  const files = someFiles(t);
  files.remove('ca');
  const credentials = new Credentials(kubeConfig(files), () => 0);
  await assert.rejects(credentials.get(), /^Error: Cannot read the credentials for the API server: ENOENT/);
  files.write('ca', 'CA one');
  assert.equal(bearer(await credentials.get()), 'Bearer one');
});

test('a kubeconfig without a current cluster is told', async () => {
  const credentials = new Credentials(new KubeConfig(), () => 0);
  await assert.rejects(credentials.get(), /Cannot find the current cluster in the kubeconfig/);
});

test('user and password become a Basic header', async (t) => {
  const config = kubeConfig(someFiles(t), { username: 'me', password: 'secret' });
  const access = await new Credentials(config, () => 0).get();
  assert.equal(bearer(access), `Basic ${Buffer.from('me:secret').toString('base64')}`);
});

test('an exec plugin is run once, and again after a 401', async (t) => {
  const files = someFiles(t);
  const plugin = `${files.token}.sh`;
  const runs = `${files.token}.runs`;
  writeFileSync(
    plugin,
    `#!/bin/sh\necho run >> ${runs}\necho '{"status":{"token":"exec"},"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential"}'\n`,
  );
  chmodSync(plugin, 0o755);
  let nowMs = 0;
  const config = kubeConfig(files, { exec: { command: plugin } });
  const credentials = new Credentials(config, () => nowMs);
  assert.equal(bearer(await credentials.get()), 'Bearer exec');
  nowMs = 60_000;
  const access = await credentials.get();
  assert.equal(readFileSync(runs, 'utf8'), 'run\n');
  credentials.reject(access);
  await credentials.get();
  assert.equal(readFileSync(runs, 'utf8'), 'run\nrun\n');
});
