/**
 * What users get wrong, each on a real cluster: who says so, which field it is, what to do. All the while other daemons run, and nothing
 * of it reaches them. At the end, a table.
 */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { inNamespace } from '../../test/support/in-namespace.ts';
import { instanceLabel } from '../../src/api/labels.ts';
import type { KubeClient } from '../../test/support/kube-client.ts';
import { clariveDaemons, configMaps, deployments, pods } from '../../test/support/resources.ts';
import { until } from '../../test/support/until.ts';
import { rows, type Row } from './bad-input-rows.ts';
import { daemon, requisites, untilReason } from './daemons.ts';

/** Most of them wait for Kubernetes most of the time. */
const sideBySide = 8;

/** A stop of a healthy daemon has reached its Deployment by then, on whatever machine. */
const answersWithinMs = 5000;

const others = ['one', 'two', 'three', 'four', 'five', 'six'];
const stoppable = { template: { spec: { terminationGracePeriodSeconds: 2 } } };

/** What was told, row by row. */
const table: string[][] = [];
const result: string[] = [];

test(
  'bad input is told with field and remedy, and reaches no other daemon',
  { concurrency: sideBySide },
  (t) =>
    inNamespace(t, async (kube) => {
      const folder = await mkdtemp(join(tmpdir(), 'clarive-operator-'));
      t.after(() => rm(folder, { recursive: true }));
      for (const object of requisites) await kube.create(configMaps, object);
      for (const name of [...others, 'seven']) await kube.create(clariveDaemons, daemon(name, stoppable));
      for (const name of [...others, 'seven']) await untilReason({ kube }, name, 'Running');
      const podsBefore = await podsOf(kube, others);
      const operatorBefore = await operatorSince();

      const make = ({ wrong, mistake, by, field, remedy, around }: Row, index: number) =>
        t.test(wrong, (each) => {
          const name = `bad-${index}`;
          const check = async (within: KubeClient) => {
            const told = await mistake({ kube: within, name, folder });
            console.log('TOLD', JSON.stringify([wrong, told.by, told.message]));
            assert.equal(told.by, by, told.message);
            for (const part of [field, remedy])
              assert.ok(told.message.includes(part), `It does not say ${part}: ${told.message}`);
            table[index] = [wrong, told.by, field, remedy];
          };
          if (!around) return check(kube);
          return inNamespace(each, async (own) => {
            for (const object of requisites) await own.create(configMaps, object);
            await around(own, each);
            await check(own);
          });
        });
      await Promise.all(rows.map(make));

      const podsAfter = await podsOf(kube, others);
      assert.deepEqual(podsAfter, podsBefore);
      const restarts = podsAfter.reduce((sum, each) => sum + each.restarts, 0);
      result.push(`others: ${podsAfter.length} pods same uid, ${restarts} restarts`);
      assert.equal(result.at(-1), 'others: 6 pods same uid, 0 restarts');
      assert.equal(await operatorSince(), operatorBefore);
      const sinceMs = performance.now();
      await kube.scale(clariveDaemons, 'seven', 0);
      const isStopped = { timeoutMs: answersWithinMs, describe: 'the operator to stop another daemon' };
      await until(kube, deployments, 'seven', ({ spec }) => spec?.replicas === 0, isStopped);
      result.push(
        `operator: same process, and stopped another daemon within ${Math.round(performance.now() - sinceMs)} ms`,
      );
      await untilReason({ kube }, 'seven', 'Stopped');
    }),
);

after(() => {
  const lines = [['what was wrong', 'who said so', 'field', 'remedy'], ...table.filter(Boolean)];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  for (const line of lines)
    console.log(
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
  for (const line of result) console.log(line);
});

interface PodNow {
  uid: string | undefined;
  restarts: number;
  startedAt: string | undefined;
}

/** The pods of these daemons, in the order of the daemons. */
async function podsOf(kube: KubeClient, daemons: string[]): Promise<PodNow[]> {
  const all = await kube.list(pods);
  return daemons.flatMap((name) =>
    all
      .filter(({ metadata }) => metadata?.labels?.[instanceLabel] === name)
      .map(({ metadata, status }) => {
        const [first] = status?.containerStatuses ?? [];
        return {
          uid: metadata?.uid,
          restarts: first?.restartCount ?? -1,
          startedAt: first?.state?.running?.startedAt,
        };
      }),
  );
}

/** When the operator's process was started, as the kernel counts it; throws if it is gone. */
async function operatorSince(): Promise<string | undefined> {
  const stat = await readFile(`/proc/${process.env['OPERATOR_PID']}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')')).split(' ')[20];
}
