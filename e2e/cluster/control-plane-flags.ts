// Flags of the control plane's programs. Pure: a plan goes in, arguments come out.
import { join } from 'node:path';
import { auditFlags } from './audit.ts';
import { controlPlaneIp, podCidr, serviceCidr } from './network-plan.ts';
import type { ClusterPlan } from './plan.ts';

/** Flags of etcd: no waiting for a disk that it does not even have. */
export function etcdFlags({ name, data, ports }: ClusterPlan): string[] {
  const clientUrl = `http://127.0.0.1:${ports.etcd}`;
  const peerUrl = `http://127.0.0.1:${ports.etcdPeer}`;
  return [
    `--name=${name}`,
    `--data-dir=${join(data, 'etcd')}`,
    '--unsafe-no-fsync',
    `--listen-client-urls=${clientUrl}`,
    `--advertise-client-urls=${clientUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=${name}=${peerUrl}`,
  ];
}

/** Flags of kube-apiserver. */
export function apiServerFlags(plan: ClusterPlan): string[] {
  const pki = (file: string): string => join(plan.root, 'pki', file);
  return [
    `--etcd-servers=http://127.0.0.1:${plan.ports.etcd}`,
    `--secure-port=${plan.ports.apiServer}`,
    ...addressFlags(plan),
    `--service-cluster-ip-range=${serviceCidr}`,
    `--tls-cert-file=${pki('api-server.crt')}`,
    `--tls-private-key-file=${pki('api-server.key')}`,
    `--client-ca-file=${pki('ca.crt')}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${pki('service-accounts.key')}`,
    `--service-account-signing-key-file=${pki('service-accounts.key')}`,
    `--kubelet-certificate-authority=${pki('ca.crt')}`,
    `--kubelet-client-certificate=${pki('kubelet-client.crt')}`,
    `--kubelet-client-key=${pki('kubelet-client.key')}`,
    '--kubelet-preferred-address-types=InternalIP',
    '--allow-privileged=true',
    '--shutdown-watch-termination-grace-period=1s',
    ...(plan.auditLog ? auditFlags(plan.root) : []),
    ...plan.apiServerFlags,
  ];
}

/** Pods reach the API server at the address that it advertises; a loopback address cannot be advertised to anyone. */
function addressFlags({ nodes }: ClusterPlan): string[] {
  if (nodes > 0) return ['--bind-address=0.0.0.0', `--advertise-address=${controlPlaneIp}`];
  return ['--bind-address=127.0.0.1', '--advertise-address=127.0.0.1', '--endpoint-reconciler-type=none'];
}

/** Flags of kube-controller-manager: there is one, so it elects no leader. */
export function controllerManagerFlags({ root, nodeLostAfterSeconds }: ClusterPlan): string[] {
  return [
    `--kubeconfig=${join(root, 'controller-manager.kubeconfig')}`,
    '--secure-port=0',
    '--leader-elect=false',
    '--use-service-account-credentials',
    '--kube-api-qps=500', // With the default of 20 its own start takes 5 s.
    '--kube-api-burst=500',
    `--service-account-private-key-file=${join(root, 'pki', 'service-accounts.key')}`,
    `--root-ca-file=${join(root, 'pki', 'ca.crt')}`,
    `--cluster-cidr=${podCidr}`,
    ...(nodeLostAfterSeconds ? nodeMonitorFlags(nodeLostAfterSeconds) : []),
  ];
}

function nodeMonitorFlags(lostAfterSeconds: number): string[] {
  return [`--node-monitor-grace-period=${lostAfterSeconds}s`, '--node-monitor-period=1s'];
}

/** Flags of kube-scheduler. */
export function schedulerFlags({ root }: ClusterPlan): string[] {
  return [`--kubeconfig=${join(root, 'scheduler.kubeconfig')}`, '--secure-port=0', '--leader-elect=false'];
}
