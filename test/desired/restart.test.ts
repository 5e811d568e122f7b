import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { restartedAtAnnotation } from '../../src/api/labels.ts';
import type { PodTemplate } from '../../src/api/kubernetes.ts';
import { keepRestart, nextRestart } from '../../src/desired/restart.ts';

function restartedAt(own: string | undefined, child: string | undefined): string | undefined {
  const annotations = own === undefined ? {} : { [restartedAtAnnotation]: own };
  const template: PodTemplate = { metadata: { labels: {}, annotations }, spec: { containers: [] } };
  return keepRestart(template, child).metadata.annotations?.[restartedAtAnnotation];
}

const morning = '2026-11-22T08:00:00Z';
const noon = '2026-11-22T12:00:00Z';

describe('a restart', () => {
  const rows: { name: string; own?: string; child?: string; gives: string | undefined }[] = [
    { name: 'that nobody asked for is none', gives: undefined },
    { name: 'asked for in the daemon is taken', own: noon, gives: noon },
    { name: 'set on the child is preserved', child: noon, gives: noon },
    { name: 'set on the child later than the daemon asks for wins', own: morning, child: noon, gives: noon },
    {
      name: 'that the daemon asks for later than the child had one wins',
      own: noon,
      child: morning,
      gives: noon,
    },
    {
      name: 'is compared as a time, whatever zone it was written in',
      own: '2026-11-22T12:30:00Z',
      child: '2026-11-22T14:00:00+02:00',
      gives: '2026-11-22T12:30:00Z',
    },
    { name: 'that is no time is older than any time', own: 'now', child: morning, gives: morning },
    { name: 'that is no time is newer than none', child: 'now', gives: 'now' },
    { name: 'of the daemon wins when neither is a time', own: 'now', child: 'then', gives: 'now' },
  ];
  for (const { name, own, child, gives } of rows)
    test(name, () => assert.equal(restartedAt(own, child), gives));

  test('is added to a template that has no annotations yet', () => {
    const template: PodTemplate = { metadata: { labels: {} }, spec: { containers: [] } };
    assert.deepEqual(keepRestart(template, noon).metadata.annotations, { [restartedAtAnnotation]: noon });
  });
});

describe('the next restart', () => {
  const nowMs = Date.parse(noon);
  const rows: [name: string, set: string | undefined, gives: string][] = [
    ['is now', undefined, noon],
    ['is now after an earlier one', morning, noon],
    ['comes after one of the same second, which would change nothing', noon, '2026-11-22T12:00:01Z'],
    ['comes after one that lies ahead', '2027-01-01T00:00:00+01:00', '2026-12-31T23:00:01Z'],
    ['replaces what is no time', 'now', noon],
    ['is a time, too, where no later one exists', '+275760-09-13T00:00:00Z', '+275760-09-13T00:00:00Z'],
  ];
  for (const [name, set, gives] of rows) test(name, () => assert.equal(nextRestart(nowMs + 999, set), gives));
});
