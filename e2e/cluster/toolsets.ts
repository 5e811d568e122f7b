import { containerdVersion, etcdVersion } from './versions.ts';

/** One program that is built from a Go module. */
export interface Program {
  name: string;
  /** Go package of its `main`. */
  package: string;
  /** How long it usually takes on two cores with nothing cached, after the programs before it. */
  usualSeconds: number;
}

/** Programs of one Go module and version; they share a folder of the cache. */
export interface Toolset {
  /** Folder name in the cache. */
  folder: string;
  module: string;
  version: string;
  programs: Program[];
  /** Value of `go build -ldflags`. */
  linkerFlags: string;
  buildTags: string[];
  /** Free disk that a build with nothing cached needs. */
  gigabytes: number;
}

const controlPlanePrograms = ['kube-apiserver', 'kube-controller-manager', 'kubectl'];

/** Usual build times on two cores, in the order in which they are built: the first pays for what the others share. */
const kubernetesSeconds = new Map([
  ['kube-apiserver', 400],
  ['kube-controller-manager', 150],
  ['kubectl', 25],
  ['kube-scheduler', 15],
  ['kubelet', 70],
  ['kube-proxy', 30],
]);

/** The programs of Kubernetes itself: all of them, or those that a control plane without nodes needs. */
export function kubernetesToolset(version: string, hasNodes: boolean): Toolset {
  const seconds = [...kubernetesSeconds].filter(([name]) => hasNodes || controlPlanePrograms.includes(name));
  return {
    folder: `kubernetes-${version}`,
    module: 'k8s.io/kubernetes',
    version,
    programs: seconds.map(([name, usualSeconds]) => ({
      name,
      package: `k8s.io/kubernetes/cmd/${name}`,
      usualSeconds,
    })),
    linkerFlags: `-s -w -X k8s.io/component-base/version.gitVersion=v${version}`,
    buildTags: [],
    gigabytes: 12,
  };
}

/** The database of the API server. */
function etcdToolset(): Toolset {
  const module = 'go.etcd.io/etcd/server/v3';
  return {
    folder: `etcd-${etcdVersion}`,
    module,
    version: etcdVersion,
    programs: [{ name: 'etcd', package: module, usualSeconds: 60 }],
    linkerFlags: '-s -w',
    buildTags: [],
    gigabytes: 1,
  };
}

/** The container runtime of a node; the snapshotters that are left out need C libraries. */
function containerdToolset(): Toolset {
  const module = 'github.com/containerd/containerd/v2';
  const program = (name: string, usualSeconds: number): Program => ({
    name,
    package: `${module}/cmd/${name}`,
    usualSeconds,
  });
  return {
    folder: `containerd-${containerdVersion}`,
    module,
    version: containerdVersion,
    programs: [program('containerd', 100), program('containerd-shim-runc-v2', 5), program('ctr', 10)],
    linkerFlags: `-s -w -X ${module}/version.Version=v${containerdVersion}`,
    buildTags: ['no_btrfs', 'no_devmapper', 'no_zfs'],
    gigabytes: 2,
  };
}

/** Everything that a cluster of the given size is made of, in the order of building. */
export function toolsetsFor(version: string, nodes: number): Toolset[] {
  const runtime = nodes > 0 ? [containerdToolset()] : [];
  return [etcdToolset(), ...runtime, kubernetesToolset(version, nodes > 0)];
}
