/** What becomes of running jobs when their daemon ends, is stopped or is started. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { V1Pod } from '@kubernetes/client-node';
import type { ClariveDaemonSpec } from '../../src/api/clarive-daemon.ts';
import { clariveDaemons, pods, type Json } from '../../test/support/resources.ts';
import { until, untilList } from '../../test/support/until.ts';
import { condition, daemon, patience, untilNoPods, untilReason } from './daemons.ts';
import { withKubectl, type Given } from './kubectl.ts';
import { PodLog } from './pod-log.ts';

const name = 'job';
const ofDaemon = { labelSelector: `app.kubernetes.io/instance=${name}` };

test('a job daemon that ends while jobs run is started again in its pod, and the jobs go on', (t) =>
  withKubectl(t, async (given) => {
    const { pod, log, tell, endJob } = await withJobs(given);
    await tell('touch recycle');
    const ended = await log.says(/Finished after \d+ rounds/);
    const back = await log.says(/ ready$/, 2);
    t.diagnostic(`back after ${(back - ended) / 1000} s`);
    assert.ok(back - ended < 15_000);
    for (const job of ['one', 'two']) await endJob(job);
    const after = await untilReason(given, name, 'Running');
    const [now] = await given.kube.list(pods, ofDaemon);
    assert.equal(now?.metadata?.uid, pod.metadata?.uid);
    assert.equal(now?.status?.containerStatuses?.[0]?.restartCount, 0);
    assert.equal(after.status?.pod?.restarts, 0);
  }));

test('a stop lets running jobs end, tells until when, and is over when they have ended', (t) =>
  withKubectl(t, async (given) => {
    const { log, endJob } = await withJobs(given);
    await given.kubectl('scale', `cld/${name}`, '--replicas=0');
    const deadline = await deadlineOf(given, 'Stopping');
    const [leaving] = await given.kube.list(pods, ofDaemon);
    assert.equal(deadline, leaving?.metadata?.deletionTimestamp);
    assert.ok(Date.parse(deadline) - Date.now() > 3500_000, deadline);
    await log.says(/signal,"name":"USR1"/);
    for (const job of ['one', 'two']) await endJob(job); // in the pod, so it is there still
    await untilReason(given, name, 'Stopped');
    await untilNoPods(given, name);
    assert.deepEqual(log.lines(/job-terminated/), []);
  }));

test('jobs that take longer than the drain time are ended then, and not before', (t) =>
  withKubectl(t, async (given) => {
    const { pod, log } = await withJobs(given, { drain: { timeoutSeconds: 8 } });
    assert.equal(pod.spec?.terminationGracePeriodSeconds, 60);
    await given.kubectl('scale', `cld/${name}`, '--replicas=0');
    const asked = await log.says(/clarive-init: stopping/);
    const ended = await log.says(/job-terminated/, 2);
    t.diagnostic(`ended after ${(ended - asked) / 1000} s`);
    assert.ok(ended - asked > 6_900 && ended - asked < 20_000, `${ended - asked} ms`);
    await untilReason(given, name, 'Stopped');
    assert.deepEqual(log.lines(/job-end/), []);
  }));

test('a drain can be cut short by ending the jobs from within the pod', (t) =>
  withKubectl(t, async (given) => {
    const { log, tell } = await withJobs(given);
    await given.kubectl('scale', `cld/${name}`, '--replicas=0');
    await log.says(/signal,"name":"USR1"/);
    await tell('kill -TERM -1');
    await log.says(/job-terminated/, 2);
    await untilReason(given, name, 'Stopped');
    assert.deepEqual(log.lines(/job-end/), []);
  }));

test('a start while a stop drains does not cut the drain short', (t) =>
  withKubectl(t, async (given) => {
    const { pod, log, endJob } = await withJobs(given);
    await given.kubectl('scale', `cld/${name}`, '--replicas=0');
    await log.says(/signal,"name":"USR1"/);
    await given.kubectl('scale', `cld/${name}`, '--replicas=1');
    await untilList(given.kube, pods, ofDaemon, (found) => found.length === 2, {
      ...patience,
      describe: 'a new pod beside the old one',
    });
    for (const job of ['one', 'two']) await endJob(job);
    await untilList(given.kube, pods, ofDaemon, isSuccessorOf(pod), {
      ...patience,
      describe: 'a new pod instead of the old one',
    });
    await untilReason(given, name, 'Running');
    assert.deepEqual(log.lines(/job-terminated/), []);
  }));

test("a stop lets the scheduler's running tasks end", (t) =>
  withKubectl(t, async (given) => {
    const { log, endJob } = await withJobs(given, { service: 'service.scheduler' });
    await given.kubectl('scale', `cld/${name}`, '--replicas=0');
    await log.says(/stop,"code":143/);
    for (const job of ['one', 'two']) await endJob(job);
    await untilReason(given, name, 'Stopped');
    assert.deepEqual(log.lines(/job-terminated/), []);
  }));

interface Scene {
  pod: Json<V1Pod>;
  log: PodLog;
  /** Runs a command in the directory `jobs` of the pod, beside the daemon. */
  tell: (command: string) => Promise<string>;
  /** Lets a job come to its own end. */
  endJob: (job: string) => Promise<void>;
}

/** A daemon that has started the jobs `one` and `two`. */
async function withJobs(given: Given, spec: Partial<ClariveDaemonSpec> = {}): Promise<Scene> {
  const config = { frequency: 1, unified_log: true };
  await given.apply(daemon(name, { service: 'service.job.daemon', config, ...spec }));
  await untilReason(given, name, 'Running');
  const [pod] = await given.kube.list(pods, ofDaemon);
  assert.ok(pod?.metadata?.name);
  const inPod = ['exec', pod.metadata.name, '--', 'sh', '-c'];
  const tell = (command: string) => given.kubectl(...inPod, `cd /opt/clarive/jobs && ${command}`);
  const log = new PodLog(given.kube.namespace, pod.metadata.name);
  await tell('mkdir start end && echo 600 >one && cp one two && mv one two start');
  for (const job of ['one', 'two']) await log.says(new RegExp(`job-start,"job":"${job}"`));
  return {
    pod,
    log,
    tell,
    async endJob(job) {
      await tell(`touch end/${job}`);
      await log.says(new RegExp(`job-end,"job":"${job}"`));
    },
  };
}

/** Waits until the daemon's message for this reason names the time at which its pod ends at the latest. */
async function deadlineOf({ kube }: Given, reason: string): Promise<string> {
  const pattern = /; it ends by (\S+) at the latest$/;
  const messageOf = (ready: ReturnType<typeof condition>) => (ready?.reason === reason ? ready.message : '');
  const object = await until(
    kube,
    clariveDaemons,
    name,
    (each) => pattern.test(messageOf(condition(each, 'Ready'))),
    { ...patience, describe: `a deadline in the message of ${reason}` },
  );
  return pattern.exec(messageOf(condition(object, 'Ready')))?.[1] ?? '';
}

function isSuccessorOf(old: Json<V1Pod>): (found: Json<V1Pod>[]) => boolean {
  return (found) => found.length === 1 && found[0]?.metadata?.uid !== old.metadata?.uid;
}
