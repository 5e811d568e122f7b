// Configuration of a node's programs. Pure: a plan goes in, file contents come out.
import { join } from 'node:path';
import { clusterCgroup } from './cgroups.ts';
import { nodeAddresses, podCidr } from './network-plan.ts';
import type { ClusterPlan } from './plan.ts';

/** There is no DNS. At this address of a pod nobody answers, so that looking up a name fails at once. */
const noDns = '127.0.0.1';

/** The folder of a node's files. */
export function nodeFolder({ root }: ClusterPlan, index: number): string {
  return join(root, nodeName(index));
}

/** The name of node `index`; the first one is 1. */
export function nodeName(index: number): string {
  return `node-${index}`;
}

/** The cgroup of a node's pods. */
export function nodeCgroup({ name }: ClusterPlan, index: number): string {
  return join(clusterCgroup(name), nodeName(index));
}

/** All configuration files of a node, by name. */
export function nodeFiles(plan: ClusterPlan, index: number): Map<string, string> {
  return new Map([
    ['containerd.toml', containerdConfig(plan, index)],
    ['kubelet.json', JSON.stringify(kubeletConfig(plan, index), null, 2)],
    ['kube-proxy.json', JSON.stringify(kubeProxyConfig(plan, index), null, 2)],
    ['10-pods.conflist', JSON.stringify(podNetwork(index), null, 2)],
    ['resolv.conf', `nameserver ${noDns}\n`],
  ]);
}

/**
 * Each node has a /run of its own in memory, where containerd keeps its images too. A process that may not lower its
 * own OOM score (no CAP_SYS_RESOURCE) cannot lower that of a container either, hence `restrict_oom_score_adj`. An
 * AppArmor profile would stay in the kernel of the machine.
 */
function containerdConfig(plan: ClusterPlan, index: number): string {
  return `version = 4
root = '/run/containerd/root'
imports = []
disabled_plugins = ['io.containerd.internal.v1.opt', 'io.containerd.nri.v1.nri']

[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = '${plan.pauseImage}'

[plugins.'io.containerd.cri.v1.runtime']
restrict_oom_score_adj = true
disable_apparmor = true
netns_mounts_under_state_dir = true

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = 'io.containerd.runc.v2'

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
SystemdCgroup = false

[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ['/usr/lib/cni']
conf_dir = '${nodeFolder(plan, index)}'
`;
}

/** Thresholds of zero: how full the disk of this machine is must not decide over the pods of a test. */
function kubeletConfig(plan: ClusterPlan, index: number): object {
  const pki = (file: string): string => join(plan.root, 'pki', file);
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: pki('ca.crt') },
    },
    authorization: { mode: 'Webhook' },
    tlsCertFile: pki(`${nodeName(index)}.crt`),
    tlsPrivateKeyFile: pki(`${nodeName(index)}.key`),
    cgroupDriver: 'cgroupfs',
    cgroupRoot: nodeCgroup(plan, index),
    failCgroupV1: false,
    failSwapOn: false,
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    clusterDNS: [noDns],
    clusterDomain: 'cluster.local',
    resolvConf: join(nodeFolder(plan, index), 'resolv.conf'),
    volumePluginDir: '/var/lib/kubelet/volume-plugins',
    makeIPTablesUtilChains: false,
    healthzPort: 0,
    // A kubelet renews its lease four times as often as it has to.
    ...(plan.nodeLostAfterSeconds && { nodeLeaseDurationSeconds: plan.nodeLostAfterSeconds }),
    evictionHard: { 'memory.available': '0%', 'nodefs.available': '0%', 'imagefs.available': '0%' },
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
  };
}

function kubeProxyConfig({ root }: ClusterPlan, index: number): object {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'nftables',
    clientConnection: { kubeconfig: join(root, 'kube-proxy.kubeconfig') },
    hostnameOverride: nodeName(index),
    clusterCIDR: podCidr,
    // Zero leaves the kernel's connection tracking as it is: it is not this network's alone.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  };
}

/** Pods are connected point to point: on a bridge, replies of a Service on the same node would bypass kube-proxy. */
function podNetwork(index: number): object {
  const ipam = {
    type: 'host-local',
    ranges: [[{ subnet: nodeAddresses(index).podCidr }]],
    routes: [{ dst: '0.0.0.0/0' }],
  };
  return { cniVersion: '1.0.0', name: 'pods', plugins: [{ type: 'ptp', ipMasq: false, ipam }] };
}

/** Flags of kubelet. */
export function kubeletFlags(plan: ClusterPlan, index: number): string[] {
  const name = nodeName(index);
  return [
    `--config=${join(nodeFolder(plan, index), 'kubelet.json')}`,
    `--kubeconfig=${join(plan.root, `${name}.kubeconfig`)}`,
    `--hostname-override=${name}`,
    `--node-ip=${nodeAddresses(index).ip}`,
  ];
}
