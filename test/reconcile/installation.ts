import type { ClariveDaemonSpec } from '../../src/api/clarive-daemon.ts';
import type { ClariveDispatcherSpec } from '../../src/api/clarive-dispatcher.ts';
import { splitKey, type ObjectKey } from '../../src/api/object-key.ts';
import { aDaemon, aDispatcher } from '../support/builders.ts';
import { verdict } from '../status/look.ts';
import { Scene } from './scene.ts';

/** A dispatcher `main` with daemons, each of a service of its own, on a cluster in memory. */
export class Installation {
  readonly scene = new Scene();
  readonly main: ObjectKey = 'clarive/main';
  readonly daemons: ObjectKey[];

  private constructor(names: readonly string[]) {
    this.daemons = names.map((name) => `clarive/${name}` as const);
    for (const name of names) this.put(name);
  }

  /** With all daemons running, for long enough to be trusted. */
  static async running(
    names: readonly string[] = ['a', 'b', 'c', 'd'],
    spec: Partial<ClariveDispatcherSpec> = { image: 'clarive:1' },
  ): Promise<Installation> {
    const installation = new Installation(names);
    installation.cluster.putDispatcher(aDispatcher(spec));
    await installation.pass(30);
    installation.cluster.writes = [];
    installation.cluster.events = [];
    return installation;
  }

  /** With daemons that nobody has visited yet, and no dispatcher. */
  static headless(...names: string[]): Installation {
    return new Installation(names);
  }

  get cluster() {
    return this.scene.cluster;
  }

  put(name: string, spec: Partial<ClariveDaemonSpec> = {}): ObjectKey {
    const service = `service.${name}.daemon`;
    return this.cluster.putDaemon(
      aDaemon({ metadata: { name }, service, dispatcherRef: { name: 'main' }, ...spec }),
    );
  }

  change(spec: Partial<ClariveDispatcherSpec>): void {
    this.cluster.editDispatcher(this.main, spec);
  }

  /** Lets seconds go by. In each, everything is visited and Kubernetes makes a step. */
  async pass(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second++) {
      for (const key of this.daemons) await this.scene.visit(key);
      for (const key of this.daemons) this.cluster.collectGarbage(key);
      for (const key of this.daemons) this.cluster.runControllers(key);
      for (const key of this.daemons) await this.scene.visit(key);
      for (const key of await this.scene.visitDispatcher(this.main)) await this.scene.visit(key);
      for (const key of this.daemons) this.cluster.runKubelet(key);
      this.scene.nowMs += 1000;
    }
  }

  /** Passes so many seconds, and returns the daemons that were changed, in that order. */
  async changedWithin(seconds: number): Promise<string[]> {
    this.cluster.writes = [];
    await this.pass(seconds);
    return this.cluster.writes
      .filter((write) => write.startsWith('apply'))
      .map((write) => write.split(' ')[1] ?? '');
  }

  /** What each daemon says, by name. */
  get verdicts(): Record<string, string> {
    const said = this.daemons.map((key) => [splitKey(key).name, this.scene.verdict(key)]);
    return Object.fromEntries(said) as Record<string, string>;
  }

  message(name: string): string {
    return this.scene.message(`clarive/${name}`);
  }

  /** What the dispatcher says: its reason and conditions, and the column ACTIVE. */
  get summary(): string {
    const { status } = this.cluster.dispatcher(this.main) ?? {};
    const conditions = [...(status?.conditions ?? []), { ...activeUnsaid }];
    return `${verdict({ conditions })} ${status?.active}`;
  }

  get dispatcherMessage(): string {
    return this.cluster.dispatcher(this.main)?.status?.conditions?.[0]?.message ?? '';
  }
}

/** A dispatcher has no condition Active. */
const activeUnsaid = {
  type: 'Active',
  status: 'False',
  reason: '',
  message: '',
  lastTransitionTime: '',
} as const;
