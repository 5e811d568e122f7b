/** Kubernetes versions by minor, newest first. */
const kubernetesVersions = new Map([
  ['1.37', '1.37.2'],
  ['1.36', '1.36.3'],
  ['1.35', '1.35.4'],
]);

const newestMinor = '1.37';

export const etcdVersion = '3.6.16';
export const containerdVersion = '2.4.2';

/** The full version of a minor; without one of `KUBERNETES_MINOR`, else of the newest. Throws if it is not known. */
export function kubernetesVersion(minor = process.env['KUBERNETES_MINOR'] ?? newestMinor): string {
  const version = kubernetesVersions.get(minor);
  if (version) return version;
  throw new Error(
    `Cannot use Kubernetes "${minor}"; use one of ${[...kubernetesVersions.keys()].join(', ')}`,
  );
}
