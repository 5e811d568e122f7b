import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { readConfig, type Config } from './config.ts';
import { realClock } from './controller/clock.ts';
import { serveHealth, watchCheck } from './health.ts';
import { importCommand } from './import-command.ts';
import { createLogger } from './logger.ts';
import { Metrics, serveMetrics } from './metrics.ts';
import { ClariveOperator } from './operator.ts';
import packageFile from '../package.json' with { type: 'json' };

const { name, version } = packageFile;

async function main(argv: string[]): Promise<void> {
  if (argv[0] === 'import') {
    process.exitCode = await importCommand(argv.slice(1));
    return;
  }
  const readFile = (path: string) => readFileSync(path, 'utf8');
  const result = readConfig({ argv, env: process.env, readFile });
  if ('help' in result) return void process.stdout.write(result.help);
  if ('version' in result) return void process.stdout.write(`${version}\n`);
  if ('config' in result) return run(result.config);
  throw new Error(['Cannot use the configuration', ...result.problems].join('\n  '));
}

async function run(config: Config): Promise<void> {
  const logger = createLogger(config.logLevel);
  const { workers, leaderElection, healthAddress, metricsAddress } = config;
  const metrics = new Metrics({ version, workers, lease: leaderElection?.name });
  const operator = ClariveOperator.create({
    config,
    logger,
    metrics,
    clock: realClock,
    random: Math.random,
    userAgent: `${name}/${version}`,
    identity: `${hostname()}_${randomUUID()}`,
  });
  const synced = {
    name: 'synced',
    problem: () => (operator.ready ? undefined : 'not every watch has shown what exists'),
  };
  const health = await serveHealth(healthAddress, {
    live: [watchCheck(() => operator.watches())],
    ready: [synced],
  });
  const metricsServer = metricsAddress && (await serveMetrics(metricsAddress, metrics, operator));
  const stop = async (signal: string) => {
    logger.info({ signal }, 'Stopping');
    await operator.stop();
    await Promise.all([health.close(), metricsServer?.close()]);
    logger.info('Stopped');
  };
  process.once('SIGTERM', (signal) => void stop(signal));
  process.once('SIGINT', (signal) => void stop(signal));

  logger.info(
    { version, healthPort: health.port, metricsPort: metricsServer?.port, namespaces: config.namespaces },
    'Starting',
  );
  await operator.start();
  if (operator.ready) logger.info('Ready');
}

// No await here: the bundle is CommonJS, which knows none outside of functions.
main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
