// Addresses inside a cluster with nodes. They live in its own network namespaces, so each cluster uses the same.

export const serviceCidr = '10.96.0.0/16';
export const podCidr = '10.244.0.0/16';
/** First address of the services: that of `kubernetes.default`. */
export const kubernetesServiceIp = '10.96.0.1';
/** Address of the control plane on the network of the nodes. */
export const controlPlaneIp = '172.30.0.1';
/** Port of the API server there. */
export const apiServerPort = 6443;

/** Addresses of one node. */
export interface NodeAddresses {
  ip: string;
  podCidr: string;
}

/** The addresses of node `index`; the first one is 1. */
export function nodeAddresses(index: number): NodeAddresses {
  return { ip: `172.30.0.${10 + index}`, podCidr: `10.244.${index}.0/24` };
}

/** Commands for `ip -batch` that make the network of the nodes and connect the control plane to it. */
export function controlPlaneNetwork(): string[] {
  return [
    'link set lo up',
    'link add nodes type bridge',
    `address add ${controlPlaneIp}/24 dev nodes`,
    'link set nodes up',
  ];
}

/** Commands for the control plane's namespace that connect the node whose namespace is that of process `pid`. */
export function nodeLink(index: number, pid: number): string[] {
  const { ip, podCidr: pods } = nodeAddresses(index);
  return [
    `link add node-${index} type veth peer name eth0 netns ${pid}`,
    `link set node-${index} master nodes up`,
    `route add ${pods} via ${ip}`,
  ];
}

/** Commands for the namespace of node `index` of `count`: its address and the ways to the pods of the others. */
export function nodeNetwork(index: number, count: number): string[] {
  const others = Array.from({ length: count }, (_, other) => other + 1).filter((other) => other !== index);
  return [
    'link set lo up',
    `address add ${nodeAddresses(index).ip}/24 dev eth0`,
    'link set eth0 up',
    `route add default via ${controlPlaneIp}`,
    ...others.map((other) => `route add ${nodeAddresses(other).podCidr} via ${nodeAddresses(other).ip}`),
  ];
}
