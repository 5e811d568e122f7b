/**
 * What each operation on a daemon costs the API server: the requests of the operator's own user, counted in the audit log. Events and the
 * Lease count apart.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClariveDaemon, ClariveDaemonSpec } from '../../src/api/clarive-daemon.ts';
import { restartedAtAnnotation, serviceLabel } from '../../src/api/labels.ts';
import { clariveDaemons, deployments } from '../../test/support/resources.ts';
import { until, untilGone } from '../../test/support/until.ts';
import { AuditLog, isCountedWrite, isEventWrite, type Recorded } from '../../test/support/audit-log.ts';
import { waitFor } from '../host/wait-for.ts';
import { condition, daemon, patience, untilNoPods, untilReason } from './daemons.ts';
import { withKubectl, type Given } from './kubectl.ts';
import { OwnOperator, ownOperatorLabel } from './own-operator.ts';

const auditLog = process.env['AUDIT_LOG'];
const skip = auditLog === undefined && 'the audit log of this cluster is out of reach';

interface Operation {
  name: string;
  /** The fewest and the most writes that it may cost. */
  writes: [least: number, most: number];
  /** Returns when it has come to its end. */
  perform: (given: Given, operator: OwnOperator) => Promise<unknown>;
}

/** Of daemon "one", one after the other. */
const operations: Operation[] = [
  {
    name: 'create',
    writes: [2, 3],
    async perform(given) {
      await create(given, 'one');
      await untilReason(given, 'one', 'Running');
    },
  },
  {
    name: 'no-op: annotate the daemon',
    writes: [0, 0],
    perform: ({ kubectl }) => kubectl('annotate', 'clarivedaemon/one', 'example.com/note=mine'),
  },
  {
    name: 'no-op: label the Deployment',
    writes: [0, 0],
    perform: ({ kubectl }) => kubectl('label', 'deployment/one', 'example.com/note=mine'),
  },
  {
    name: 'stop',
    writes: [2, 3],
    async perform(given) {
      await given.kubectl('scale', 'clarivedaemon/one', '--replicas=0');
      await untilReason(given, 'one', 'Stopped');
    },
  },
  {
    name: 'start',
    writes: [2, 3],
    async perform(given) {
      await given.kubectl('scale', 'clarivedaemon/one', '--replicas=1');
      await untilReason(given, 'one', 'Running');
    },
  },
  {
    name: 'first edit of spec.env',
    writes: [2, 5],
    perform: (given) => untilReplaced(given, () => edit(given, { env: [{ name: 'COLOUR', value: 'red' }] })),
  },
  {
    name: 'edit of spec.env',
    writes: [2, 4],
    perform: (given) => untilReplaced(given, () => edit(given, { env: [{ name: 'COLOUR', value: 'blue' }] })),
  },
  {
    name: 'restart',
    writes: [2, 4],
    async perform(given) {
      const annotations = { [restartedAtAnnotation]: new Date().toISOString() };
      await untilReplaced(given, () => edit(given, { template: { metadata: { annotations } } }));
    },
  },
  {
    name: 'kubectl rollout restart of the Deployment',
    writes: [1, 3],
    perform: (given) => untilReplaced(given, () => given.kubectl('rollout', 'restart', 'deployment/one')),
  },
  { name: 'pause', writes: [1, 1], perform: (given) => edit(given, { paused: true }) },
  { name: 'unpause', writes: [1, 1], perform: (given) => edit(given, { paused: false }) },
  {
    name: 'repair of a changed Deployment',
    writes: [1, 4],
    perform: (given) =>
      untilReplaced(given, () =>
        given.kubectl('set', 'env', 'deployment/one', '--containers=daemon', 'COLOUR=green'),
      ),
  },
  {
    name: 'restart of the operator',
    writes: [0, 0],
    async perform(_, operator) {
      await operator.stop();
      await operator.start();
    },
  },
  {
    name: 'delete',
    writes: [0, 1],
    async perform(given) {
      await given.kubectl('delete', 'clarivedaemon/one');
      await untilGone(given.kube, deployments, 'one', patience);
      await untilNoPods(given, 'one');
    },
  },
];

test('no operation costs the API server more writes than its budget', { skip }, (t) =>
  withKubectl(t, (given) =>
    OwnOperator.run(given, async (operator) => {
      const counter = await Counter.begin(given, operator.user);
      const rows: string[][] = [];
      const overspent: string[] = [];
      for (const { name, writes, perform } of operations) {
        const requests = await counter.count(() => perform(given, operator));
        rows.push(...rowsOf(name, requests, given.kube.namespace));
        overspent.push(...complaints(name, requests, writes));
      }
      console.log(table(['OPERATION', 'VERB', 'URI', 'COUNT'], rows));
      assert.deepEqual(overspent, []);
    }),
  ),
);

function create(
  { kube }: Given,
  name: string,
  spec: Partial<ClariveDaemonSpec> = {},
): Promise<ClariveDaemon> {
  const metadata = { name, labels: { [ownOperatorLabel]: '' } };
  return kube.create(clariveDaemons, { ...daemon(name, spec), metadata });
}

/** Returns when the status is about the changed spec. */
async function edit({ kube }: Given, spec: Partial<ClariveDaemonSpec>): Promise<void> {
  const { metadata } = await kube.patch(clariveDaemons, 'one', { spec });
  const isSeen = ({ status }: ClariveDaemon) => status?.observedGeneration === metadata.generation;
  await until(kube, clariveDaemons, 'one', isSeen, { ...patience, describe: 'the change to be seen' });
}

/** Returns when another pod than before runs the daemon, and that one is gone. */
async function untilReplaced({ kube }: Given, change: () => Promise<unknown>): Promise<void> {
  const before = (await kube.get(clariveDaemons, 'one')).status?.pod?.name;
  await change();
  const isReplaced = (object: ClariveDaemon) =>
    object.status?.pod?.name !== before &&
    object.status?.replicas === 1 &&
    condition(object, 'Ready')?.reason === 'Running';
  await until(kube, clariveDaemons, 'one', isReplaced, { ...patience, describe: 'a new pod to run' });
}

/** Counts what the operator asks the API server about all daemons but the markers, which are this counter's own. */
class Counter {
  readonly #given: Given;
  readonly #user: string;
  readonly #audit = new AuditLog(auditLog ?? '');
  #markers = 0;

  private constructor(given: Given, user: string) {
    this.#given = given;
    this.#user = user;
  }

  static async begin(given: Given, user: string): Promise<Counter> {
    const counter = new Counter(given, user);
    await counter.#mark();
    return counter;
  }

  async count(operation: () => Promise<unknown>): Promise<Recorded[]> {
    const begin = await this.#audit.mark();
    await operation();
    await this.#untilLogged(begin);
    const requests = await this.#audit.since(begin, this.#user);
    return requests.filter(({ name }) => !name.startsWith('marker-'));
  }

  /**
   * Everything that the operation has led to is in the log as soon as this is, which came later: the repair of another Deployment, then
   * the Event of another daemon.
   */
  async #untilLogged(begin: number): Promise<void> {
    await this.#repairMarker();
    const marker = await this.#mark();
    const isItsEvent = (request: Recorded) => isEventWrite(request) && request.name.startsWith(`${marker}.`);
    const isLogged = async () => (await this.#audit.since(begin, this.#user)).some(isItsEvent);
    await waitFor(isLogged, { what: `the Event of "${marker}" in the audit log`, timeoutMs: 20_000 });
  }

  async #mark(): Promise<string> {
    const marker = `marker-${++this.#markers}`;
    await create(this.#given, marker, { replicas: 0 });
    await untilReason(this.#given, marker, 'Stopped');
    return marker;
  }

  async #repairMarker(): Promise<void> {
    const { kube } = this.#given;
    const marker = `marker-${this.#markers}`;
    await kube.patch(deployments, marker, { metadata: { labels: { [serviceLabel]: null } } });
    await until(kube, deployments, marker, ({ metadata }) => metadata?.labels?.[serviceLabel] !== undefined, {
      ...patience,
      describe: `the label of "${marker}" to be back`,
    });
  }
}

function complaints(name: string, requests: Recorded[], [least, most]: Operation['writes']): string[] {
  const writes = requests.filter(isCountedWrite).length;
  const events = requests.filter(isEventWrite).length;
  const found: string[] = [];
  if (writes < least || writes > most) found.push(`${name}: ${writes} writes, not ${least} to ${most}`);
  if (events > 1) found.push(`${name}: ${events} Events, not 0 or 1`);
  return found;
}

function rowsOf(name: string, requests: Recorded[], namespace: string): string[][] {
  const counts = new Map<string, number>();
  for (const { verb, path } of requests) {
    const what = `${verb} ${path.replace(`/${namespace}/`, '/…/')}`;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  const writes = requests.filter(isCountedWrite).length;
  const events = requests.filter(isEventWrite).length;
  const sum = [name, '', `${writes} writes, ${events} Events`, ''];
  return [sum, ...[...counts].map(([what, count]) => ['', ...what.split(' '), String(count)])];
}

function table(header: string[], rows: string[][]): string {
  const widths = header.map((_, column) =>
    Math.max(...[header, ...rows].map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: string[]) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ');
  return [header, ...rows].map((row) => line(row).trimEnd()).join('\n');
}
