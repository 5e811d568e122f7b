/** The CRD of ServiceMonitors, which no API server has by itself. */
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../e2e/host/run.ts';

const module = 'github.com/prometheus-operator/prometheus-operator@v0.85.0';

/** The manifest, from the Go module that defines it. */
export async function serviceMonitorCrd(): Promise<string> {
  const download = await run('go', ['mod', 'download', '-json', module], { cwd: tmpdir() });
  const { Dir } = JSON.parse(download) as { Dir: string };
  return readFile(
    join(Dir, 'example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml'),
    'utf8',
  );
}
