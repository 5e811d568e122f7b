/** Keeps objects as they stood on a real cluster, for the tests of what reads them: Argo CD's scripts and kstatus. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { formatted } from '../crds/generator/outputs.ts';
import type { ClariveDaemon } from '../src/api/clarive-daemon.ts';
import type { ClariveDispatcher } from '../src/api/clarive-dispatcher.ts';
import type { ObjectMeta } from '../src/api/kubernetes.ts';
import type { KubeClient } from '../test/support/kube-client.ts';
import { clariveDaemons, clariveDispatchers, type Resource } from '../test/support/resources.ts';

const folder = join(import.meta.dirname, '../test/gitops/recorded');
const head = '# Recorded on a real cluster by "npm run e2e -- --record reasons dispatcher".\n';

/** The images of the daemons, which no other cluster has. */
const standIn = /localhost\/clarive-stand-in:\w+/g;

type Recorded = ClariveDaemon | ClariveDispatcher;

/** Sees every daemon and dispatcher of a cluster, and keeps one of each in each situation. */
export class Recorder {
  readonly #ending = new AbortController();
  readonly #following: Promise<void>[];
  readonly #only: readonly string[] | undefined;
  /** Text of a file by its path. */
  readonly #files = new Map<string, string>();

  private constructor(only: readonly string[] | undefined, follow: (recorder: Recorder) => Promise<void>[]) {
    this.#only = only;
    this.#following = follow(this);
  }

  /** Records from now on; `only` what `situationOf` calls one of these, else everything. */
  static async start(kube: KubeClient, only?: readonly string[]): Promise<Recorder> {
    const kinds: Resource<unknown>[] = [clariveDaemons, clariveDispatchers];
    const everywhere = kinds.map((kind) => ({ ...kind, namespaced: false }));
    const versions = await Promise.all(everywhere.map((resource) => kube.listPage(resource)));
    return new Recorder(only, (recorder) =>
      everywhere.map((resource, index) =>
        recorder.#follow(kube, resource, versions[index]?.metadata.resourceVersion ?? ''),
      ),
    );
  }

  /** Ends the recording and writes one file for each kind and situation that was seen. */
  async stop(): Promise<void> {
    this.#ending.abort();
    await Promise.all(this.#following);
    for (const [path, text] of this.#files) {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, await formatted(path, head + text));
    }
  }

  async #follow(kube: KubeClient, resource: Resource<unknown>, since: string): Promise<void> {
    const { signal } = this.#ending;
    try {
      for await (const { type, object } of kube.watch<unknown>(resource, since, signal)) {
        if (type === 'ERROR')
          throw new Error(`The watch of ${resource.plural} broke: ${JSON.stringify(object)}`);
        if (type !== 'DELETED') this.#take(object as Recorded);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** Of several in the same situation the one with the least in it, so that the next recording differs little. */
  #take(object: Recorded): void {
    const situation = situationOf(object);
    if (this.#only && !this.#only.includes(situation)) return;
    const path = join(folder, object.kind, `${situation}.yaml`);
    const text = stringify(trimmed(object), { lineWidth: 0 });
    const kept = this.#files.get(path);
    if (kept === undefined || isLess(text, kept)) this.#files.set(path, text);
  }
}

/** The reason of Ready; before it is about the present spec: Unseen by the operator, or Outdated. */
function situationOf({ metadata, status }: Recorded): string {
  if (metadata.deletionTimestamp !== undefined) return 'Deleted';
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  if (!ready) return 'Unseen';
  return status?.observedGeneration === metadata.generation ? ready.reason : 'Outdated';
}

/** The object without what only this cluster has. */
function trimmed({ metadata, ...object }: Recorded): object {
  const { namespace = '', name, generation, ...others } = metadata as ObjectMeta & Record<string, unknown>;
  const { creationTimestamp, deletionTimestamp, finalizers } = others;
  const kept = { name, namespace, generation, creationTimestamp, deletionTimestamp, finalizers };
  const { apiVersion, kind, spec, status } = object;
  const text = JSON.stringify({ apiVersion, kind, metadata: kept, spec, status });
  return JSON.parse(
    text.replaceAll(namespace, 'clarive').replaceAll(standIn, 'clarive/clarive:7.0.12'),
  ) as object;
}

function isLess(text: string, other: string): boolean {
  return text.length < other.length || (text.length === other.length && text < other);
}
