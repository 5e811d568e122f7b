/**
 * What users get wrong, each on a real cluster: they are told the field and what to do, and it reaches no other daemon. All the while, other
 * daemons run beside it. At the end, a table.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, test, type TestContext } from 'node:test';
import { instanceLabel } from '../../src/api/labels.ts';
import { inNamespace } from '../../test/support/in-namespace.ts';
import type { KubeClient } from '../../test/support/kube-client.ts';
import { clariveDaemons, configMaps, deployments, pods } from '../../test/support/resources.ts';
import { until } from '../../test/support/until.ts';
import { rows, type Row } from './bad-input-rows.ts';
import { requisites, untilReason } from './daemons.ts';
import { oneOfSeveral } from './mistakes.ts';

/** Most rows wait for Kubernetes most of the time. */
const sideBySide = 8;

/** A stop of another daemon has reached its Deployment by then, on whatever machine. */
const answersWithinMs = 5000;

const others = ['one', 'two', 'three', 'four', 'five', 'six'];
/** Runs beside them, until it shows that the operator still works. */
const last = 'seven';
/** One that is stopped at the moment of its start hears no signal. */
const spec = { template: { spec: { terminationGracePeriodSeconds: 2 } } };

const report: string[] = [];

test(
  'bad input is told with field and remedy, and reaches no other daemon',
  { concurrency: sideBySide },
  (t) =>
    inNamespace(t, async (kube) => {
      await createRequisites(kube);
      for (const name of [...others, last]) await kube.create(clariveDaemons, oneOfSeveral(name, spec));
      for (const name of [...others, last]) await untilReason({ kube }, name, 'Running');
      const before = await lives(kube);
      const operatorBefore = await operatorStart();

      const told = await Promise.all(rows.map((row, index) => tryRow(t, kube, row, `bad-${index}`)));
      report.push('what was wrong | who said so | field | remedy', ...told.map((cells) => cells.join(' | ')));

      const now = await lives(kube);
      const same = now.filter(({ uid }, index) => uid === before[index]?.uid);
      const restarts = now.reduce((sum, life) => sum + life.restarts, 0);
      const summary = `others: ${same.length} pods same uid, ${restarts} restarts`;
      report.push(summary);
      assert.equal(summary, 'others: 6 pods same uid, 0 restarts');
      assert.deepEqual(now, before);

      assert.equal(await operatorStart(), operatorBefore, 'The operator was started anew');
      report.push(`operator: same process, its stop of another daemon came after ${await stopLast(kube)} ms`);
    }),
);

after(() => console.log(report.join('\n')));

async function createRequisites(kube: KubeClient): Promise<void> {
  for (const object of requisites) await kube.create(configMaps, object);
}

/** Makes the mistake of a row and checks what is told of it; returns what is to be shown. */
async function tryRow(t: TestContext, kube: KubeClient, row: Row, name: string): Promise<string[]> {
  const cells = [row.wrong];
  await t.test(row.wrong, async (own) => {
    if (!row.around) return check(kube);
    await inNamespace(own, async (apart) => {
      await createRequisites(apart);
      await row.around?.(apart, own);
      await check(apart);
    });
  });
  return cells;

  async function check(within: KubeClient): Promise<void> {
    const { by, message } = await row.mistake({ kube: within, name });
    for (const part of [row.field, row.remedy])
      assert.ok(message.includes(part), `"${part}" is missing in what was said by ${by}: ${message}`);
    assert.equal(by, row.by, message);
    cells.push(by, row.field, row.remedy);
  }
}

interface Life {
  uid: string | undefined;
  restarts: number;
  startedAt: string | undefined;
}

/** Of the pods of the others, in their order. */
async function lives(kube: KubeClient): Promise<Life[]> {
  const all = await kube.list(pods);
  const own = others.flatMap((name) =>
    all.filter(({ metadata }) => metadata?.labels?.[instanceLabel] === name),
  );
  return own.map(({ metadata, status }) => {
    const [container] = status?.containerStatuses ?? [];
    return {
      uid: metadata?.uid,
      restarts: container?.restartCount ?? NaN,
      startedAt: container?.state?.running?.startedAt,
    };
  });
}

/** When its process was started, in ticks since boot (proc_pid_stat(5)); throws if it is gone. */
async function operatorStart(): Promise<string | undefined> {
  const stat = await readFile(`/proc/${process.env['OPERATOR_PID']}/stat`, 'utf8');
  const afterName = stat.slice(stat.lastIndexOf(')') + 2);
  return afterName.split(' ')[19];
}

/** Returns after how many milliseconds the operator has passed the stop on. */
async function stopLast(kube: KubeClient): Promise<number> {
  const scaledMs = performance.now();
  await kube.scale(clariveDaemons, last, 0);
  const waiting = { timeoutMs: answersWithinMs, describe: 'the operator to stop another daemon' };
  await until(kube, deployments, last, (child) => child.spec?.replicas === 0, waiting);
  const stoppedMs = performance.now();
  await untilReason({ kube }, last, 'Stopped');
  return Math.round(stoppedMs - scaledMs);
}
