import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { initScript } from '../../src/presets/init.ts';
import { canonicalService, presetOf, presets, startUpSeconds } from '../../src/presets/presets.ts';

describe('presets', () => {
  test('there is one for each of the seven standard daemons', () => {
    const standard = Object.entries(presets).filter(([, preset]) => preset.standard);
    assert.deepEqual(
      standard.map(([service]) => service),
      [
        'service.daemon.email',
        'service.event.daemon',
        'service.job.daemon',
        'service.purge.daemon',
        'service.root_cause_analysis.daemon',
        'service.scheduler',
        'service.sem.daemon',
      ],
    );
  });

  test('there is one for each further service that is known to be one', () => {
    const others = Object.entries(presets).filter(([, preset]) => !preset.standard);
    assert.deepEqual(
      others.map(([service]) => service),
      ['service.approval.daemon', 'service.dispatcher', 'service.topic.inactivity_daemon'],
    );
  });

  test('only what several servers may share runs more than once in an installation: jobs', () => {
    const several = Object.entries(presets).filter(([, { singleton }]) => !singleton);
    assert.deepEqual(
      several.map(([service]) => service),
      ['service.job.daemon'],
    );
  });

  test('two schedulers may not overlap, nor two job daemons of one id', () => {
    assert.equal(presetOf('service.scheduler').exclusive, 'service');
    assert.equal(presetOf('service.job.daemon').exclusive, 'id');
  });

  test('what must outlive a pod is among the directories that it gets', () => {
    for (const [service, { directories, durable }] of Object.entries(presets))
      assert.deepEqual(
        durable.filter((name) => !directories.includes(name)),
        [],
        service,
      );
  });

  test('a service that nothing is known of is refused nothing', () => {
    assert.equal(presetOf('service.plugin.daemon').singleton, false);
    assert.equal(presetOf('service.plugin.daemon').exclusive, 'none');
  });

  test('the default drain times are those that the CRD tells of', () => {
    const crd = readFileSync(new URL('../../crds/source/clarivedaemons.yaml', import.meta.url), 'utf8');
    const told = Object.entries(presets).flatMap(([service, { drain }]) =>
      drain ? [`${drain.seconds} for \`${service}\``] : [],
    );
    assert.equal(told.length, 2);
    for (const words of told) assert.ok(crd.replace(/\s+/g, ' ').includes(words), words);
  });

  test('a start may take as long as Clarive retries MongoDB, and the time to load', () => {
    assert.ok(startUpSeconds > 60 * 5 + 60); // mongo.max_retries × mongo.retry_frequency
  });

  test('every key is canonical', () => {
    for (const service of Object.keys(presets)) assert.equal(canonicalService(service), service);
  });

  test("the manual's name of the scheduler means the scheduler", () => {
    assert.equal(canonicalService('service.schedule daemon'), 'service.scheduler');
  });

  test('a service that nothing is known of gets every directory', () => {
    assert.deepEqual(presetOf('service.plugin.daemon').directories, ['jobs', 'logs', 'repo', 'tmp']);
  });

  test('the job daemon works on all directories, the semaphore daemon on none', () => {
    assert.deepEqual(presetOf('service.job.daemon').directories, ['jobs', 'logs', 'repo', 'tmp']);
    assert.deepEqual(presetOf('service.sem.daemon').directories, []);
  });

  test('the email daemon may wait for the SMTP time-out of 60 s', () => {
    assert.ok(presetOf('service.daemon.email').graceSeconds > 60);
  });

  test('the event daemon may end the event it is at, which takes up to 30 s', () => {
    assert.ok(presetOf('service.event.daemon').graceSeconds > 30);
  });
});

test('Kubernetes leaves the init script as it is: nothing in it reads as $(VARIABLE) or $$', () => {
  assert.doesNotMatch(initScript, /\$\$|\$\([\w.-]+\)/);
});
