import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parseStandInRecords } from './stand-in-records.ts';
import type { StandInRecord } from './stand-in-records.ts';

const cla = join(import.meta.dirname, 'stand-in/cla');

/** Runs the stand-in to its end, with a config file named `test`. */
function runStandIn(
  config: string,
  args: string[],
): { code: number | null; output: string; records: StandInRecord[] } {
  const base = mkdtempSync(join(tmpdir(), 'clarive-stand-in-'));
  try {
    mkdirSync(join(base, 'config'));
    writeFileSync(join(base, 'config/test.yml'), config);
    const records = join(base, 'records');
    const env = { PATH: process.env['PATH'], CLARIVE_BASE: base, STAND_IN_RECORD_DIR: records };
    const { status, stdout } = spawnSync('sh', [cla, ...args], { env, encoding: 'utf8', timeout: 20_000 });
    const texts = readdirSync(records).map((file) => readFileSync(join(records, file), 'utf8'));
    return { code: status, output: stdout, records: parseStandInRecords(texts.join('')) };
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
}

describe('stand-in daemon', () => {
  const config = [
    'log_level: info',
    '"service.event.daemon":',
    '  frequency: 0',
    '  "iterations": "2"',
    '  nested:',
    '    iterations: 9',
    'service.scheduler:',
    '  iterations: 7',
    '',
  ].join('\n');

  it('takes its settings from the section of its service and ends with 0 after its rounds', () => {
    const { code, output, records } = runStandIn(config, [
      'service.event.daemon',
      '-c',
      'test',
      '--id',
      'a "b"\n\\c',
    ]);
    assert.equal(code, 0);
    assert.match(output, /^\(I\)\S+ \S+\[\d+\] \[StandIn::service\.event\.daemon:1\] Round 2 of 2$/m);
    const start = records.find(({ event }) => event === 'start');
    assert.equal(start?.config, config.trimEnd());
    assert.deepEqual(start?.argv, ['service.event.daemon', '-c', 'test', '--id', 'a "b"\n\\c']);
    assert.equal(start?.id, 'a "b"\n\\c');
  });

  it('lets flags override the config file', () => {
    const { records } = runStandIn(config, ['service.event.daemon', '--iterations', '1', '-c', 'test']);
    assert.equal(records.find(({ event }) => event === 'start')?.iterations, '1');
  });

  it('fails on demand and records the exit code', () => {
    const { code, records } = runStandIn('', ['service.sem.daemon', '-c', 'test', '--exit-code', '3']);
    assert.equal(code, 3);
    assert.equal(records.find(({ event }) => event === 'stop')?.code, 3);
  });

  it('refuses a service that it does not know', () => {
    const { code, output } = runStandIn('', ['service.unknown', '-c', 'test']);
    assert.equal(code, 1);
    assert.match(output, /Could not find service 'service.unknown'/);
  });
});

describe('jobs of the stand-in', () => {
  it('outlive it and say how they ended', () => {
    const jobs = [
      'service.job.daemon',
      '-c',
      'test',
      '--iterations',
      '0',
      '--jobs',
      '2',
      '--job-seconds',
      '1',
    ];
    const { code, output, records } = runStandIn('', [...jobs, '--unified_log', '1']);
    assert.equal(code, 0);
    assert.match(output, /Finished after 0 rounds[^]*job-end,"job":"job-[12]"/);
    assert.equal(records.filter(({ event }) => event === 'job-end').length, 2);
  });
});
