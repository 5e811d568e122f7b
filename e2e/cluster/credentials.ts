// Who is who in a cluster: certificates and kubeconfigs of its programs.
import { join } from 'node:path';
import { issueCertificates } from './certificates.ts';
import type { CertificateRequest } from './certificates.ts';
import type { ClusterFolder } from './cluster-folder.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import { apiServerPort, controlPlaneIp, kubernetesServiceIp, nodeAddresses } from './network-plan.ts';

/** The URLs of the API server. */
export interface Servers {
  /** For clients outside the cluster. */
  outside: string;
  /** For the control plane. */
  controlPlane: string;
}

/** Issues all certificates and writes all kubeconfigs of a cluster with the given number of nodes. */
export async function writeCredentials(
  folder: ClusterFolder,
  nodes: number,
  servers: Servers,
): Promise<void> {
  const { root, pki } = folder;
  const nodeNames = Array.from({ length: nodes }, (_, index) => `node-${index + 1}`);
  await issueCertificates(pki, [
    ...controlPlaneCertificates(),
    ...nodeNames.map(nodeCertificate),
    proxyCertificate,
  ]);
  const kubeconfig = (server: string, name: string): Promise<void> =>
    writeKubeconfig(join(root, `${name}.kubeconfig`), server, pki, name);
  await Promise.all([
    writeKubeconfig(folder.kubeconfig, servers.outside, pki, 'admin'),
    ...['controller-manager', 'scheduler'].map((name) => kubeconfig(servers.controlPlane, name)),
    ...['kube-proxy', ...nodeNames].map((name) =>
      kubeconfig(`https://${controlPlaneIp}:${apiServerPort}`, name),
    ),
  ]);
}

/** User and group names are those to which Kubernetes' own roles are bound. */
function controlPlaneCertificates(): CertificateRequest[] {
  return [
    { file: 'admin', commonName: 'admin', organization: 'system:masters' },
    { file: 'kubelet-client', commonName: 'kube-apiserver', organization: 'system:masters' },
    { file: 'controller-manager', commonName: 'system:kube-controller-manager' },
    { file: 'scheduler', commonName: 'system:kube-scheduler' },
    { file: 'api-server', commonName: 'kube-apiserver', alternativeNames: apiServerNames() },
  ];
}

const proxyCertificate = { file: 'kube-proxy', commonName: 'system:kube-proxy' };

function nodeCertificate(name: string, index: number): CertificateRequest {
  return {
    file: name,
    commonName: `system:node:${name}`,
    organization: 'system:nodes',
    alternativeNames: [`DNS:${name}`, `IP:${nodeAddresses(index + 1).ip}`],
  };
}

function apiServerNames(): string[] {
  const service = [
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    'kubernetes.default.svc.cluster.local',
  ];
  const addresses = ['127.0.0.1', kubernetesServiceIp, controlPlaneIp];
  return [...['localhost', ...service].map((name) => `DNS:${name}`), ...addresses.map((ip) => `IP:${ip}`)];
}
