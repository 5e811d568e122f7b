/** What two daemons must have in common to be the same one to Clarive. */
import type { ClariveDaemon } from '../api/clarive-daemon.ts';
import { canonicalService, presetOf } from './presets.ts';

export interface Bearer {
  namespace: string | undefined;
  /** Name of the dispatcher; undefined without one. */
  dispatcher: string | undefined;
  /** In its canonical form. */
  service: string;
  /** What the process gets as `--id`. */
  id: string;
}

/**
 * Of one identity an installation has use for one daemon only; if its service is exclusive, two would damage each other's
 * work. An installation is a namespace and a dispatcher. With a slash more than the key of any object, the two can share an index.
 */
export function identityOf({ namespace = '', dispatcher = '', service, id }: Bearer): string {
  const installation = `${namespace}/${dispatcher}/${service}`;
  return presetOf(service).singleton ? installation : `${installation}/${id}`;
}

export function identityOfDaemon({ metadata, spec }: ClariveDaemon): string {
  return identityOf({
    namespace: metadata.namespace,
    dispatcher: spec.dispatcherRef?.name,
    service: canonicalService(spec.service),
    id: idOf({ metadata, spec }),
  });
}

/** The stable identity that the process is given, unlike the name of its pod. */
export function idOf({ metadata, spec }: Pick<ClariveDaemon, 'metadata' | 'spec'>): string {
  return spec.id ?? metadata.name;
}

/** The id in the arguments of a pod that the operator has made. The first is ours: a user's own arguments come after it. */
export function idInArguments(args: readonly string[]): string | undefined {
  const flag = args.indexOf('--id');
  return flag === -1 ? undefined : args[flag + 1];
}

/** Whether two processes of this service may not overlap. */
export function isExclusive(service: string): boolean {
  return presetOf(canonicalService(service)).exclusive !== 'none';
}
