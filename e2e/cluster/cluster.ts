/** What kind of cluster to start. */
export interface ClusterOptions {
  /** Lower-case letters, digits and dashes, at most 30; a random one by default. */
  name?: string;
  /** Minor version: '1.37', '1.36' or '1.35'. Default: `KUBERNETES_MINOR`, else the newest. */
  kubernetes?: string;
  /** 0 (default) is the control plane only, which needs no root; with nodes there are real pods. */
  nodes?: number;
  /** False: nothing but API server and etcd, without nodes; nobody acts on what is written. */
  controllers?: boolean;
  /** Gets lines for people. */
  progress?: (line: string) => void;
  /** Records each request of the API server, without bodies, in the file `Cluster.auditLog`: one JSON event a line. */
  auditLog?: boolean;
  /** Added to the flags of kube-apiserver. */
  apiServerFlags?: string[];
  /** OCI archives to load into each node before it is ready. */
  images?: string[];
  /** How soon a node that is silent counts as lost, at least 4. Default: that of Kubernetes, 50. */
  nodeLostAfterSeconds?: number;
}

/** A running cluster and what can be done to it. */
export interface Cluster {
  name: string;
  /** Path of the kubeconfig of a cluster administrator; its server is `https://127.0.0.1:<port>`. */
  kubeconfig: string;
  /** Path of the kubectl of the cluster's minor version. */
  kubectl: string;
  /** `KUBECONFIG`, and a `PATH` that finds that kubectl first. */
  env: Record<string, string>;
  /** Folder with one log per component; it goes with the cluster. */
  logs: string;
  /** Path of the audit log, if one was asked for. */
  auditLog?: string;
  /** Loads an OCI archive into each node. */
  loadImage(archive: string): Promise<void>;
  /** Stops the API server (SIGTERM, or the given signal) and returns when it is gone. */
  stopApiServer(signal?: NodeJS.Signals): Promise<void>;
  /** Starts the API server again, on the same port, and returns when it is ready. */
  startApiServer(): Promise<void>;
  restartApiServer(): Promise<void>;
  /** Halts the kubelet of a node, which is then silent while its pods run on. The first node is 1. */
  freezeKubelet(node: number): Promise<void>;
  /** Lets it go on. */
  thawKubelet(node: number): Promise<void>;
  /** Takes everything down and counts what is still there. A second call returns the same. */
  stop(): Promise<Leftovers>;
}

/** What a cluster has left on the machine. */
export interface Leftovers {
  processes: number;
  mounts: number;
  networkNamespaces: number;
}
