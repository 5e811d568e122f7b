import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { initScript } from '../../src/presets/init.ts';
import { canonicalService, presetOf, presets } from '../../src/presets/presets.ts';

describe('presets', () => {
  test('there is one for each of the seven standard daemons', () => {
    assert.deepEqual(Object.keys(presets), [
      'service.daemon.email',
      'service.event.daemon',
      'service.job.daemon',
      'service.purge.daemon',
      'service.root_cause_analysis.daemon',
      'service.scheduler',
      'service.sem.daemon',
    ]);
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
