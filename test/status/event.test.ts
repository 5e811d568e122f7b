import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventOf } from '../../src/status/event.ts';
import { aDaemon } from '../support/builders.ts';
import { look } from './look.ts';
import { aChild, aPod, at, backingOff, exit } from './observed-builders.ts';

const running = look().status;
const starting = look({ pods: [], child: aChild({ current: 0 }) }).status;
const overdue = look({ pods: [], child: aChild({ current: 0 }), before: starting, second: 999 }).status;
const stopping = look({ wanted: 0, pods: [aPod()] }).status;
const stopped = look({ daemon: aDaemon({ replicas: 0 }) }).status;
const crashLoop = backingOff(exit(3, at(40), at(41)), { restartCount: 2 });
const crashing = look({ pods: [aPod({ container: crashLoop })] }).status;
const paused = look({ outcome: { is: 'paused', message: 'It is left alone' } }).status;

const rows: [
  name: string,
  before: typeof running | undefined,
  after: typeof running,
  event: string | undefined,
][] = [
  ['a start', undefined, starting, undefined],
  ['the end of a start', starting, running, 'Normal Running: Pod purge-1 runs on node node-a'],
  ['a first status that is final', undefined, running, 'Normal Running: Pod purge-1 runs on node node-a'],
  ['a change that leaves it Running', running, running, undefined],
  ['the begin of a stop', running, stopping, undefined],
  ['the end of a stop', stopping, stopped, 'Normal Stopped: Stopped: spec.replicas is 0'],
  ['the deadline', starting, overdue, 'Warning Starting: Waiting for the pod to be created'],
  ['what stays overdue', overdue, overdue, undefined],
  [
    'a crash loop',
    starting,
    crashing,
    'Warning CrashLooping: The daemon exited with code 3, 3 times in a row soon after its start: see kubectl logs --previous purge-1 -c daemon',
  ],
  ['a pause, which somebody wanted', running, paused, 'Normal Paused: It is left alone'],
  ['a status without conditions', running, {}, undefined],
];

for (const [name, before, after, event] of rows) {
  test(`${name} is ${event ? 'one Event' : 'no Event'}`, () => {
    const told = eventOf(before, after);
    assert.equal(told && `${told.type} ${told.reason}: ${told.message}`, event);
  });
}
