/** The page on moving in, walked: its commands are run as they stand there, in its order, with an export of each generation. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { parseAllDocuments, stringify } from 'yaml';
import { type ClariveDaemon, kind } from '../../src/api/clarive-daemon.ts';
import type { ClariveDispatcher } from '../../src/api/clarive-dispatcher.ts';
import { exportOf, generations } from '../../test/import/fixtures.ts';
import { KubeClient } from '../../test/support/kube-client.ts';
import {
  clariveDaemons,
  clariveDispatchers,
  deployments,
  namespaces,
  pods,
} from '../../test/support/resources.ts';
import { run } from '../host/run.ts';
import { waitFor } from '../host/wait-for.ts';
import { adapted, condition, requisites } from './daemons.ts';

const root = join(import.meta.dirname, '../..');
const page = await readFile(join(root, 'docs/migration.md'), 'utf8');
const image = process.env['DEFAULT_IMAGE'] ?? '';
const nextImage = process.env['NEXT_IMAGE'] ?? image;

/** As a service of a plugin it is not in the stand-in's image. */
const pluginService = 'service.acme.ldap_sync.daemon';

/** The blocks of shell commands in a chapter of the page. */
function commandsIn(chapter: string): string[] {
  const text = page.split(`\n## ${chapter}\n`)[1]?.split('\n## ')[0] ?? '';
  return [...text.matchAll(/^( *)```sh\n(.*?)^ *```$/gms)].map(([, , commands = '']) => commands);
}

/** An administrator with the commands that the page takes for granted, and a folder to work in. */
class Administrator {
  readonly kube: KubeClient;
  readonly #folder: string;

  private constructor(kube: KubeClient, folder: string) {
    this.kube = kube;
    this.#folder = folder;
  }

  static async at(t: TestContext, exported: string): Promise<Administrator> {
    const folder = await mkdtemp(join(tmpdir(), 'clarive-migration-'));
    const cluster = await KubeClient.connect();
    const administrator = new Administrator(cluster.in(`moved-${randomBytes(4).toString('hex')}`), folder);
    t.diagnostic(`Namespace ${administrator.kube.namespace}`);
    t.after(async () => {
      await cluster.delete(namespaces, administrator.kube.namespace);
      cluster.close();
      await rm(folder, { recursive: true });
    });
    await administrator.#write('exported.json', exported);
    const commands = {
      mongoexport: `[ "$*" = "--db clarive --collection daemon --out daemons.json" ] && cp exported.json daemons.json`,
      'clarive-operator': `exec '${process.execPath}' '${join(root, 'src/main.ts')}' "$@"`,
      kubectl: `exec '${process.env['KUBECTL'] ?? 'kubectl'}' "$@"`,
    };
    for (const [name, command] of Object.entries(commands)) {
      await administrator.#write(name, `#!/bin/sh\n${command}\n`);
      await chmod(join(folder, name), 0o755);
    }
    return administrator;
  }

  /** Runs commands of the page, with the namespace and the images of this test in the place of those of the page. */
  run(commands = ''): Promise<string> {
    const here = commands
      .replace(/(?<=--namespace |create namespace )clarive$/gm, this.kube.namespace)
      .replaceAll('registry.example.com/clarive:7.0.12', image)
      .replaceAll('registry.example.com/clarive:7.1', nextImage)
      .replace('--namespace clarive --image', `--namespace ${this.kube.namespace} --image`);
    assert.doesNotMatch(here, /namespace clarive\b|registry\.example/);
    const env = { PATH: `${this.#folder}:${process.env['PATH']}` };
    return run('sh', ['-euxc', here], { cwd: this.#folder, env });
  }

  /** Changes the objects in a file of manifests. */
  async edit(file: string, change: (objects: Manifest[]) => Manifest[]): Promise<Manifest[]> {
    const text = await readFile(join(this.#folder, file), 'utf8');
    const objects = change(parseAllDocuments(text).map((document) => document.toJS() as Manifest));
    await this.#write(file, objects.map((object) => stringify(object)).join('---\n'));
    return objects;
  }

  async #write(file: string, text: string): Promise<void> {
    await writeFile(join(this.#folder, file), text);
  }

  /** Of each daemon its switch and its state. */
  async states(): Promise<Record<string, string>> {
    const daemons = await this.kube.list(clariveDaemons);
    return Object.fromEntries(
      daemons.map((daemon) => [
        daemon.metadata.name,
        `${daemon.spec.replicas} ${condition(daemon, 'Ready')?.reason}`,
      ]),
    );
  }

  async dispatcherState(): Promise<string | undefined> {
    return condition(await this.kube.get(clariveDispatchers, 'main'), 'Ready')?.reason;
  }

  /** Of the pods that have not ended, name and image. */
  async pods(): Promise<Record<string, string | undefined>> {
    const live = (await this.kube.list(pods)).filter(
      ({ status }) => !['Succeeded', 'Failed'].includes(status?.phase ?? ''),
    );
    return Object.fromEntries(
      live.map(({ metadata, spec }) => [metadata?.name ?? '', spec?.containers[0]?.image]),
    );
  }
}

type Manifest = ClariveDaemon | ClariveDispatcher;

function isDaemon(object: Manifest): object is ClariveDaemon {
  return object.kind === kind;
}

for (const generation of generations)
  test(`the page on moving in is true for an export of the ${generation} generation`, async (t) => {
    const administrator = await Administrator.at(t, exportOf(generation));
    const { kube } = administrator;
    const [exportRecords, importRecords, apply, start, check, ...more] = commandsIn('Step by step');
    const [stop, ...moreBack] = commandsIn('The way back');
    const [stopAll, giveImage, startAll, ...moreMigration] = commandsIn('Database migrations');
    assert.deepEqual(
      [more, moreBack, moreMigration],
      [[], [], []],
      'The page has commands that are not tried',
    );

    await administrator.run(exportRecords);
    await administrator.run(importRecords);
    const reviewed = await administrator.edit('clarive.yaml', (objects) =>
      objects
        .filter((object) => !isDaemon(object) || object.spec.service !== pluginService)
        .map((object) => (isDaemon(object) ? adapted(object) : object)),
    );
    const daemons = reviewed.filter(isDaemon);
    assert.ok(daemons.length >= 6, 'The export has lost daemons');
    const statesWith = (running: string) =>
      Object.fromEntries(
        daemons.map(({ metadata, spec }) => [
          metadata.name,
          spec.replicas === 1 ? `1 ${running}` : '0 Stopped',
        ]),
      );
    const wanted = daemons.filter(({ spec }) => spec.replicas === 1).length;
    assert.ok(wanted > 0 && wanted < daemons.length, 'Some are to run, and some are not');

    await administrator.run(apply);
    assert.equal(await administrator.dispatcherState(), 'Stopped');
    assert.deepEqual(await administrator.states(), statesWith('DispatcherStopped'));
    assert.deepEqual(await administrator.pods(), {}, 'Nothing has started');
    for (const object of requisites)
      await run(process.env['KUBECTL'] ?? 'kubectl', ['--namespace', kube.namespace, 'apply', '-f', '-'], {
        input: JSON.stringify(object),
      });

    await administrator.edit('clarive.yaml', (objects) =>
      objects.map((object) => {
        if (isDaemon(object)) return object;
        const { replicas, ...spec } = object.spec;
        assert.equal(replicas, 0);
        return { ...object, spec };
      }),
    );
    await administrator.run(start);
    assert.equal(await administrator.dispatcherState(), 'Running');
    assert.deepEqual(await administrator.states(), statesWith('Running'));
    const running = await administrator.pods();
    assert.deepEqual(Object.values(running), Array(wanted).fill(image));
    for (const { metadata, spec } of daemons) {
      const child = await kube.get(deployments, metadata.name);
      const args = child.spec?.template.spec?.containers[0]?.args?.join(' ') ?? '';
      assert.match(args, new RegExp(` --id ${spec.id ?? metadata.name}\\b`), 'Jobs find their daemon');
    }
    const hasLog = (text: string) => text.includes('[StandIn::service.job.daemon');
    const checked = () => administrator.run(check).then((text) => hasLog(text) && text);
    const shown = await waitFor(checked, { what: 'the log of a job daemon', timeoutMs: 30_000 });
    for (const { metadata } of daemons) assert.match(shown, new RegExp(`^${metadata.name} `, 'm'));
    await administrator.run('kubectl apply -f clarive.yaml');
    assert.deepEqual(await administrator.states(), statesWith('Running'), 'Applied again, it stops nothing');
    assert.deepEqual(await administrator.pods(), running);

    await administrator.run(stop);
    assert.deepEqual(await administrator.pods(), {}, 'When the command returns, the classic one may start');
    await administrator.run(start);
    assert.deepEqual(
      await administrator.states(),
      statesWith('Running'),
      'Each follows its own switch again',
    );

    await administrator.run(stopAll);
    assert.deepEqual(
      await administrator.pods(),
      {},
      'When the command returns, the database may be migrated',
    );
    await administrator.run(giveImage);
    assert.deepEqual(await administrator.pods(), {}, 'A new image starts nothing');
    await administrator.run(startAll);
    assert.deepEqual(await administrator.states(), statesWith('Running'));
    assert.deepEqual(Object.values(await administrator.pods()), Array(wanted).fill(nextImage));
  });
