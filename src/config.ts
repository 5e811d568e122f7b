import type { DaemonDefaults } from './desired/deployment.ts';

export interface Config {
  /** Namespaces whose daemons are ours; empty: all. */
  namespace: string | undefined;
  defaults: DaemonDefaults;
  logLevel: string;
  /** Port of /livez and /readyz; 0 picks a free one. */
  healthPort: number;
  workers: number;
}

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/**
 * Reads the operator's configuration from its environment variables. All problems are told at once: the thrown error has a line for
 * each, naming the variable and the remedy.
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const problems: string[] = [];
  const config: Config = {
    namespace: env['CLARIVE_NAMESPACE'] || undefined,
    defaults: {
      images: imagesOf(env['CLARIVE_IMAGES'], problems),
      environment: env['CLARIVE_ENVIRONMENT'] || 'clarive',
      ...(env['CLARIVE_IMAGE'] && { image: env['CLARIVE_IMAGE'] }),
      ...(env['CLARIVE_RUN_AS_USER'] && {
        runAsUser: integer(env, 'CLARIVE_RUN_AS_USER', 0, 2 ** 31 - 1, problems),
      }),
    },
    logLevel: oneOf(env, 'LOG_LEVEL', levels, 'info', problems),
    healthPort: integer(env, 'HEALTH_PORT', 8081, 65_535, problems),
    workers: integer(env, 'WORKERS', 16, 256, problems),
  };
  if (problems.length > 0) throw new Error(`Cannot use the configuration\n${problems.map((line) => `  ${line}`).join('\n')}`);
  return config;
}

type Env = Readonly<Record<string, string | undefined>>;

function integer(env: Env, name: string, fallback: number, most: number, problems: string[]): number {
  const text = env[name];
  if (!text) return fallback;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value <= most) return value;
  problems.push(`${name} is "${text}": set it to a whole number from 0 to ${most}`);
  return fallback;
}

function oneOf(env: Env, name: string, values: string[], fallback: string, problems: string[]): string {
  const text = env[name];
  if (!text || values.includes(text)) return text || fallback;
  problems.push(`${name} is "${text}": set it to one of ${values.join(', ')}`);
  return fallback;
}

/** `service.job.daemon=registry/image:tag,service.purge.daemon=…` */
function imagesOf(text: string | undefined, problems: string[]): Record<string, string> {
  const images: Record<string, string> = {};
  for (const entry of text?.split(',') ?? []) {
    const equals = entry.indexOf('=');
    if (equals > 0 && equals < entry.length - 1) images[entry.slice(0, equals).trim()] = entry.slice(equals + 1).trim();
    else problems.push(`CLARIVE_IMAGES has the entry "${entry}": write each as service=image, separated by commas`);
  }
  return images;
}
