import type { ClariveDaemon } from '../api/clarive-daemon.ts';
import type { ClariveDispatcher } from '../api/clarive-dispatcher.ts';
import type { Origin } from '../api/origin.ts';
import { canonicalService, entryFor } from '../presets/presets.ts';
import { fingerprint } from './digest.ts';
import type { DaemonDefaults } from './settings.ts';

/**
 * Fingerprints of what a child is made of, for daemons that share a dispatcher. What the operator's configuration gives counts as shared.
 * The switches don't count: they change no pod template.
 */
export function originOf(
  daemon: ClariveDaemon,
  dispatcher: ClariveDispatcher,
  defaults: DaemonDefaults,
): Origin {
  const service = canonicalService(daemon.spec.service);
  const { replicas: _, paused: __, ...own } = daemon.spec;
  const { replicas: ___, services: ____, ...shared } = dispatcher.spec;
  const { images, ...common } = defaults;
  return {
    dispatcher: dispatcher.metadata.name,
    own: fingerprint(own),
    shared: fingerprint([shared, common]),
    service: fingerprint([entryFor(service, dispatcher), images[service]]),
  };
}
