/** Bugs that an operator like this one can have, each as a small change of its source. */

export interface Bug {
  /** For `--only`. */
  name: string;
  /** What the operator with this bug does wrong. */
  does: string;
  /** The file to change, from the root of the repository. */
  file: string;
  /** What is there, exactly once. */
  find: string;
  /** What is there instead; type-correct, so that only a test can object. */
  replace: string;
  /** The folders or files of the tests that have to notice. */
  tests: readonly string[];
}

export const bugs: readonly Bug[] = [
  {
    name: 'requeue-dropped',
    does: 'does not come back to a daemon at the time that its visit asks for',
    file: 'src/controller/controller.ts',
    find: "if (requeueAfterMs === undefined) return 'success';",
    replace: "if (requeueAfterMs !== 0) return 'success';",
    tests: ['test/controller/'],
  },
  {
    name: 'uid-ignored-in-store',
    does: 'takes the late end of an earlier object for the end of the present one of that name',
    file: 'src/kube/store.ts',
    find: 'before?.uid !== item.uid',
    replace: '!before',
    tests: ['test/kube/'],
  },
  {
    name: 'uid-ignored-in-writes',
    does: 'scales a Deployment that was made anew under the name of the one that it has seen',
    file: 'src/kube/kube-cluster.ts',
    find: '{ metadata: { uid: child.uid }, spec: { replicas } }',
    replace: '{ spec: { replicas } }',
    tests: ['test/kube/'],
  },
  {
    name: 'lease-ignored',
    does: 'goes on writing when it no longer leads',
    file: 'src/kube/kube-cluster.ts',
    find: 'if (!leads()) throw',
    replace: 'if (!leads) throw',
    tests: ['test/kube/'],
  },
  {
    name: 'status-from-spec',
    does: 'reports as ready what is wanted, not what the pods show',
    file: 'src/status/daemon-status.ts',
    find: 'live.filter(({ ready }) => ready).length',
    replace: 'wanted',
    tests: ['test/status/', 'test/reconcile/'],
  },
  {
    name: 'active-from-spec',
    does: 'calls a daemon active because it is meant to run',
    file: 'src/status/daemon-status.ts',
    find: "condition('Active', activity(live))",
    replace: "condition('Active', wanted === 1 ? 'True' : 'False')",
    tests: ['test/status/', 'test/reconcile/'],
  },
  {
    name: 'replicas-from-child',
    does: 'wants the replicas that the Deployment has, so that nothing is started or stopped',
    file: 'src/reconcile/reconcile.ts',
    find: 'const wanted = wantedReplicas(daemon, dispatcher);',
    replace: 'const wanted = cluster.child(key)?.replicas ?? wantedReplicas(daemon, dispatcher);',
    tests: ['test/reconcile/'],
  },
  {
    name: 'replicas-kept-by-apply',
    does: "applies a change with the child's own replicas",
    file: 'src/kube/kube-cluster.ts',
    find: 'const body = { ...deployment, metadata:',
    replace:
      'const body = { ...deployment, spec: { ...deployment.spec, replicas: child.replicas }, metadata:',
    tests: ['test/kube/'],
  },
  {
    name: 'backoff-flat',
    does: 'tries again after 5 ms, however often it has failed',
    file: 'src/controller/backoff.ts',
    find: '2 ** (failures - 1)',
    replace: '1',
    tests: ['test/controller/'],
  },
  {
    name: 'retry-after-ignored',
    does: 'tries again sooner than an overloaded API server has asked',
    file: 'src/controller/controller.ts',
    find: 'retryAfterMs?.(error) ?? 0',
    replace: '0',
    tests: ['test/controller/'],
  },
  {
    name: 'two-workers-on-a-key',
    does: 'visits a daemon while another visit to it is under way',
    file: 'src/controller/work-queue.ts',
    find: 'if (this.#processing.has(entry.key)) return;',
    replace: '',
    tests: ['test/controller/controller.test.ts', 'test/controller/work-queue.test.ts'],
  },
  {
    name: 'stale-news-taken',
    does: 'lets an older state of an object replace the newer one',
    file: 'src/kube/store.ts',
    find: '!isNewer(item.resourceVersion, before.resourceVersion)',
    replace: 'false',
    tests: ['test/kube/'],
  },
  {
    name: 'bookmark-ignored',
    does: 'resumes a watch far behind the version that the server has confirmed',
    file: 'src/kube/reflector.ts',
    find: 'if (!collected && resourceVersion)',
    replace: "if (!collected && resourceVersion && type !== 'BOOKMARK')",
    tests: ['test/kube/'],
  },
  {
    name: 'expired-watch-resumed',
    does: 'asks again and again for a version that the server no longer has',
    file: 'src/kube/reflector.ts',
    find: 'if (isExpired(failure)) this.#resourceVersion = undefined;',
    replace: '',
    tests: ['test/kube/'],
  },
  {
    name: 'lease-overstayed',
    does: 'counts its lease from the end of a slow renewal, so that two may lead',
    file: 'src/kube/lease-elector.ts',
    find: 'term.untilMs = startedMs + renewDeadlineMs;',
    replace: 'term.untilMs = clock.monotonic() + renewDeadlineMs;',
    tests: ['test/kube/'],
  },
  {
    name: 'env-not-in-digest',
    does: 'takes a Deployment with another environment for the one that is wanted',
    file: 'src/desired/digest.ts',
    find: 'if (fields[key] === undefined) continue;',
    replace: "if (fields[key] === undefined || key === 'env') continue;",
    tests: ['test/desired/'],
  },
  {
    name: 'restart-undone',
    does: 'undoes a kubectl rollout restart of the Deployment',
    file: 'src/desired/deployment.ts',
    find: 'keepRestart(deployment.spec.template, childRestartedAt)',
    replace: 'deployment.spec.template',
    tests: ['test/desired/', 'test/reconcile/'],
  },
  {
    name: 'deletion-ignored',
    does: 'writes to the child of a daemon that is being deleted',
    file: 'src/reconcile/next-write.ts',
    find: "if (daemon.metadata.deletionTimestamp !== undefined) return { do: 'nothing' };",
    replace: '',
    tests: ['test/reconcile/'],
  },
  {
    name: 'pause-ignored',
    does: 'changes the child of a paused daemon',
    file: 'src/reconcile/next-write.ts',
    find: 'if (!daemon.spec.paused) return write;',
    replace: 'if (write) return write;',
    tests: ['test/reconcile/'],
  },
  {
    name: 'foreign-child-adopted',
    does: "takes over somebody else's Deployment of the daemon's name",
    file: 'src/reconcile/next-write.ts',
    find: 'if (!isOwn && !isOrphan) return',
    replace: 'if (!isOwn && !isOrphan && !owner) return',
    tests: ['test/reconcile/'],
  },
  {
    name: 'older-incarnation-fought',
    does: 'writes to the Deployment of a deleted daemon of the same name',
    file: 'src/reconcile/next-write.ts',
    find: 'const isOwn = owner?.uid === daemon.metadata.uid;',
    replace: 'const isOwn = owner?.kind === kind && owner.name === daemon.metadata.name;',
    tests: ['test/reconcile/'],
  },
  {
    name: 'stop-needs-valid-spec',
    does: 'cannot stop a daemon whose spec has become invalid',
    file: 'src/reconcile/next-write.ts',
    find: 'if (replicas === 0 && child.replicas > 0) return unlessPaused(daemon, scale);',
    replace: '',
    tests: ['test/reconcile/'],
  },
  {
    name: 'status-always-written',
    does: 'writes the status at every visit',
    file: 'src/reconcile/report.ts',
    find: 'if (!isDeepStrictEqual(status, object.status))',
    replace: 'if (!isDeepStrictEqual(status, undefined))',
    tests: ['test/reconcile/'],
  },
  {
    name: 'crash-loop-forgiven',
    does: 'forgets the crashes of a daemon as soon as it runs again',
    file: 'src/status/crashes.ts',
    find: 'if (!container?.lastExit || isStable(container.startedAt, nowMs)) return 0;',
    replace: 'if (!container?.lastExit || container.startedAt !== undefined) return 0;',
    tests: ['test/status/'],
  },
];
