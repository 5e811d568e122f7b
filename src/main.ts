import { readFileSync } from 'node:fs';
import { readConfig } from './config.ts';
import { realClock } from './controller/clock.ts';
import { serveHealth } from './health.ts';
import { createLogger } from './logger.ts';
import { ClariveOperator } from './operator.ts';

const { name, version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  name: string;
  version: string;
};

async function main(): Promise<void> {
  const config = readConfig(process.env);
  const logger = createLogger(config.logLevel);
  const operator = new ClariveOperator({
    config,
    logger,
    clock: realClock,
    random: Math.random,
    userAgent: `${name}/${version}`,
  });
  const health = await serveHealth(config.healthPort, { live: () => true, ready: () => operator.ready });
  const stop = async (signal: string) => {
    logger.info({ signal }, 'Stopping');
    await operator.stop();
    await health.close();
    logger.info('Stopped');
  };
  process.once('SIGTERM', (signal) => void stop(signal));
  process.once('SIGINT', (signal) => void stop(signal));

  logger.info({ version, healthPort: health.port, namespace: config.namespace ?? 'all' }, 'Starting');
  await operator.start();
  if (operator.ready) logger.info('Ready');
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
