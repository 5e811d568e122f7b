/** What comes to several daemons at once: new settings of their dispatcher, and new contents of what their pods name. */
import type { ClariveDaemon } from '../api/clarive-daemon.ts';
import type { ClariveDispatcher } from '../api/clarive-dispatcher.ts';
import { entryOf } from '../api/contents.ts';
import { keyOf, splitKey } from '../api/object-key.ts';
import { parseOrigin } from '../api/origin.ts';
import type { Desired } from '../desired/deployment.ts';
import { nameReferences } from '../desired/references.ts';
import { nameDispatcher } from '../desired/settings.ts';
import { canonicalService, entryFor } from '../presets/presets.ts';
import type { ObservedDeployment } from '../status/observed.ts';
import type { Cluster } from './cluster.ts';
import type { NextWrite } from './next-write.ts';

export interface SharedChange {
  /** As messages name it, in the plural. */
  what: string;
  /** The same for all to whom the same change comes. */
  id: string;
  /** Who shares it, in no particular order. */
  comesTo: (cluster: Cluster) => ClariveDaemon[];
  isTaken: (daemon: ClariveDaemon, child: ObservedDeployment, desired: Desired) => boolean;
  /** Whether one that has not taken it shall. */
  isToTake: (child: ObservedDeployment, desired: Desired) => boolean;
  /** Whether those who wait are told of each change of whom they wait for. */
  isTold: boolean;
}

/** Undefined if the child differs for another reason than its dispatcher's settings, or for another one as well. */
export function changeOfSettings(
  { child, desired: { origin: to } }: Extract<NextWrite, { do: 'apply' }>,
  { spec }: ClariveDaemon,
  dispatcher: ClariveDispatcher,
): SharedChange | undefined {
  const from = parseOrigin(child.origin);
  if (!from || !to || from.dispatcher !== to.dispatcher || from.own !== to.own) return undefined;
  if (from.shared === to.shared && from.service === to.service) return undefined;
  const part = from.shared === to.shared ? 'service' : 'shared';
  const service = part === 'service' ? canonicalService(spec.service) : undefined;
  const { name, uid, generation } = dispatcher.metadata;
  return {
    what: `the new settings of ${nameDispatcher(name)}`,
    id: [uid, generation, part, to[part], service].join(' '),
    comesTo: (cluster) => cluster.attached(keyOf(dispatcher)),
    isTaken(daemon, { origin, carries }, desired) {
      const has = parseOrigin(origin);
      if (has?.dispatcher !== to.dispatcher) return false;
      if (part === 'shared') return has.shared === to.shared;
      const other = canonicalService(daemon.spec.service);
      if (other === service) return has.service === to.service;
      // The same change may have altered the entries of several services.
      return entryFor(other, dispatcher) !== undefined && 'digest' in desired && carries === desired.digest;
    },
    isToTake: ({ carries }, desired) => 'digest' in desired && carries !== desired.digest,
    isTold: true,
  };
}

/** Others may name the same ConfigMaps and Secrets, under whatever dispatcher. */
export function changeOfContents({
  child,
  contents,
  changed,
}: Extract<NextWrite, { do: 'restart' }>): SharedChange {
  const { namespace } = splitKey(child.key);
  const entries = changed.map(entryOf);
  const isTaken = (other: ObservedDeployment) =>
    entries.every((entry) => [undefined, contents[entry]].includes(other.contents?.[entry]));
  return {
    what: `the new contents of ${nameReferences(changed)}`,
    id: [namespace, ...entries.flatMap((entry) => [entry, contents[entry]])].join(' '),
    comesTo(cluster) {
      const sharers = changed.flatMap((reference) => cluster.startedWith(namespace, reference));
      return [...new Set(sharers.map(({ key }) => key))].flatMap((key) => cluster.daemon(key) ?? []);
    },
    isTaken: (_, other) => isTaken(other),
    isToTake: (_, desired) => 'digest' in desired,
    isTold: false,
  };
}
