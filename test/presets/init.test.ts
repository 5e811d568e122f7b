// The init script with real processes, each time as process 1 of a pid namespace of its own, as in a container. The
// daemon is the stand-in of e2e/images.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { initScript } from '../../src/presets/init.ts';
import { Container, isolation } from './container.ts';
import type { ContainerOptions } from './container.ts';

const shells = ['dash', 'bash', 'busybox'];
const event = ['service.event.daemon', '--frequency', '1'];
const job = ['service.job.daemon', '--frequency', '1'];
const scheduler = ['service.scheduler', '--frequency', '1'];

const aborted = 128 + 6;

/** Makes the daemon of a container fail. */
async function fail(container: Container): Promise<void> {
  const { pid } = await container.record('ready');
  container.signal('SIGABRT', pid);
  await container.record('stop');
}

function missing(shell: string): string | false {
  if (!isolation) return 'this user may not create pid namespaces with unshare';
  return spawnSync(shell, ['-c', ':']).error ? `${shell} is not installed` : false;
}

describe('init script in a pod spec', () => {
  it('has nothing that the kubelet would replace', () => {
    assert.doesNotMatch(initScript, /\$\$|\$\((?!\()/);
  });

  it('takes signals from its first command on', () => {
    assert.match(initScript, /^(#.*\n)*trap 'exit 0' TERM INT QUIT\n/);
  });
});

for (const shell of shells) {
  describe(`init script under ${shell}`, { concurrency: 4, timeout: 60_000, skip: missing(shell) }, () => {
    async function run(options: Omit<ContainerOptions, 'shell'>): Promise<Container> {
      return Container.start({ shell, ...options });
    }

    it('terminates a daemon whose wrapper passes no signal on', async () => {
      await using container = await run({ mode: 'terminate', daemon: event });
      await container.record('ready');
      container.signal('SIGTERM');
      assert.equal(await container.exitCode(), 0);
    });

    for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
      it(`takes ${signal} for TERM`, async () => {
        await using container = await run({ mode: 'terminate', daemon: event });
        await container.record('ready');
        container.signal(signal);
        assert.equal(await container.exitCode(), 0);
      });
    }

    it('waits for a daemon that takes its time after TERM, and never kills it', async () => {
      const env = { STAND_IN_IGNORE_TERM: '1' };
      await using container = await run({ mode: 'terminate', daemon: event, env });
      await container.record('ready');
      const told = container.sinceBoot();
      container.signal('SIGTERM');
      await container.record('alive', ({ sinceBoot }) => sinceBoot > told + 2);
      assert.equal(container.isRunning(), true);
    });

    for (const mode of ['terminate', 'drain-usr1', 'drain-term'] as const) {
      it(`ends with the exit code of the daemon (${mode})`, async () => {
        await using container = await run({ mode, daemon: [...job, '--exit-code', '7'] });
        assert.equal(await container.exitCode(), 7);
      });

      it(`ends with 0 when the daemon recycles and no job runs (${mode})`, async () => {
        await using container = await run({ mode, daemon: [...job, '--iterations', '1'] });
        assert.equal(await container.exitCode(), 0);
      });

      it(`stops at any moment of the start (${mode})`, async () => {
        for (let waitMs = 0; waitMs < 60; waitMs += 10) {
          await using container = await run({ mode, daemon: job });
          await container.handlesTerm();
          await delay(waitMs);
          container.signal('SIGTERM');
          assert.equal(await container.exitCode(), 0);
        }
      });

      it(`reaps what the daemon left behind (${mode})`, async () => {
        await using container = await run({ mode, daemon: job, jobs: ['one'] });
        const { pid } = await container.record('job-start');
        container.endJob('one');
        await container.record('job-end');
        await container.processGone(pid);
        assert.equal(container.isRunning(), true);
      });
    }

    for (const waitMs of [0, 2500])
      it(`stops a daemon whose process was forked and does not run for ${waitMs} ms`, async (t) => {
        await using container = await run({ mode: 'terminate', command: ['sleep', '600'], waits: true });
        const goOn = await container.holdFirstFork();
        if (!goOn) return t.skip('this user may not trace processes, or has no perl');
        container.signal('SIGTERM');
        await container.hasChildren(2); // the init waits, with a command of its own
        await delay(waitMs);
        goOn();
        assert.equal(await container.exitCode(), 0);
      });

    it('ends with 128 + n when signal n ended the daemon', async () => {
      await using container = await run({ mode: 'drain-usr1', daemon: job });
      await fail(container);
      assert.equal(await container.exitCode(), aborted);
    });

    it('terminates what is left when the daemon failed', async () => {
      await using container = await run({ mode: 'terminate', daemon: job, jobs: ['one'] });
      await container.record('job-start');
      await fail(container);
      assert.equal(await container.exitCode(), aborted);
      assert.equal(container.find('job-end'), undefined);
    });

    it('starts a recycled daemon again beside its running jobs', async () => {
      await using container = await run({
        mode: 'drain-usr1',
        daemon: [...job, '--iterations', '3'],
        jobs: ['one', 'two'],
      });
      const first = await container.record('stop');
      const second = await container.record('start', ({ life }) => life !== first.life);
      assert.equal(first.code, 0);
      assert.ok(second.sinceBoot - first.sinceBoot < 5);
      for (const name of ['one', 'two']) {
        container.endJob(name);
        const end = await container.record('job-end', (record) => record.job === name);
        assert.equal(end.life, first.life);
      }
      assert.equal(await container.exitCode(), 0);
    });

    it('stops the job daemon with USR1 and lets its jobs end', async () => {
      await using container = await run({ mode: 'drain-usr1', daemon: job, jobs: ['one', 'two'] });
      await container.record('job-start', (record) => record.job === 'two');
      container.signal('SIGTERM');
      assert.equal((await container.record('signal')).name, 'USR1');
      assert.equal((await container.record('stop')).code, 0);
      container.signal('SIGTERM');
      for (const name of ['one', 'two']) {
        container.endJob(name);
        await container.record('job-end', (record) => record.job === name);
      }
      assert.equal(await container.exitCode(), 0);
    });

    it('stops the scheduler with TERM and lets its tasks end', async () => {
      await using container = await run({ mode: 'drain-term', daemon: scheduler, jobs: ['one'] });
      await container.record('job-start');
      container.signal('SIGTERM');
      assert.equal((await container.record('stop')).code, 143);
      container.endJob('one');
      await container.record('job-end');
      assert.equal(await container.exitCode(), 0);
    });

    it('terminates the jobs when the drain time is over', async () => {
      await using container = await run({ mode: 'drain-usr1', drainSeconds: 3, daemon: job, jobs: ['one'] });
      await container.record('job-start');
      const told = container.sinceBoot();
      container.signal('SIGTERM');
      assert.equal(await container.exitCode(), 143);
      assert.ok(container.sinceBoot() - told >= 2);
      assert.ok(container.find('job-terminated'));
      assert.equal(container.find('job-end'), undefined);
    });

    it('starts a failed daemon again beside its running jobs', async () => {
      await using container = await run({ mode: 'drain-usr1', daemon: job, jobs: ['one'] });
      await container.record('job-start');
      await fail(container);
      const first = await container.record('stop');
      const second = await container.record('start', ({ life }) => life !== first.life);
      assert.ok(second.sinceBoot - first.sinceBoot < 5);
      container.endJob('one');
      assert.equal((await container.record('job-end')).life, first.life);
      assert.equal(container.isRunning(), true);
    });

    it('lets the jobs of a daemon that fails three times end before it reports the failure', async () => {
      const failing = [...job, '--exit-code', '7'];
      await using container = await run({ mode: 'drain-usr1', daemon: failing, jobs: ['one'] });
      await container.said(/failed three times, now with exit code 7/);
      assert.equal(container.isRunning(), true);
      container.endJob('one');
      await container.record('job-end');
      assert.equal(await container.exitCode(), 7);
      assert.equal(container.all('start').length, 3);
    });

    it('can be stopped while it waits for the jobs of a failed daemon', async () => {
      const failing = [...job, '--exit-code', '7'];
      await using container = await run({ mode: 'drain-usr1', daemon: failing, jobs: ['one'] });
      await container.said(/failed three times/);
      container.signal('SIGTERM');
      await container.said(/stopping/);
      container.endJob('one');
      await container.record('job-end');
      assert.equal(await container.exitCode(), 7);
    });

    it('does not wait for kubectl exec and what that started', async () => {
      await using container = await run({ mode: 'drain-usr1', daemon: job });
      await container.record('ready');
      await container.exec('echo here; sleep 600; :');
      container.signal('SIGTERM');
      assert.equal(await container.exitCode(), 0);
    });

    it('signals no subshell in which the wrapper works on after the daemon', async () => {
      const script = 'echo begun; sleep 600; ( sleep 1; echo finished ); exit 0';
      await using container = await run({ mode: 'drain-usr1', command: ['sh', '-c', script] });
      await container.said(/begun/);
      container.signal('SIGTERM');
      await container.said(/finished/);
      assert.equal(await container.exitCode(), 0);
    });

    it('signals a command that is the daemon itself, without wrapper', async () => {
      await using container = await run({ mode: 'drain-term', command: ['sleep', '600'] });
      await container.handlesTerm();
      container.signal('SIGTERM');
      assert.equal(await container.exitCode(), 0);
    });

    it('refuses to run anywhere but as process 1', async () => {
      const nested = ['sh', '-c', 'sh -c "$0" clarive-init terminate 0 -- true; exit "$?"', initScript];
      await using container = await run({ mode: 'terminate', command: nested });
      assert.equal(await container.exitCode(), 64);
      await container.said(/must be process 1/);
    });

    it('refuses a mode that it does not know', async () => {
      await using container = await run({ mode: 'drain-hup', daemon: event });
      assert.equal(await container.exitCode(), 64);
    });
  });
}

describe('without the init', { timeout: 60_000, skip: missing('dash') }, () => {
  it('TERM never reaches a daemon whose wrapper is process 1', async () => {
    await using container = await Container.start({ shell: 'dash', daemon: event });
    await container.record('ready');
    const told = container.sinceBoot();
    container.signal('SIGTERM');
    await container.record('alive', ({ sinceBoot }) => sinceBoot > told + 2);
    assert.equal(container.isRunning(), true);
  });
});
