// What the program that starts a cluster and the leader that runs it tell each other.

/** Everything a leader needs to know. Plain data: it crosses a process boundary. */
export interface ClusterPlan {
  name: string;
  /** Folder of the cluster, see `clusterFolder`. */
  root: string;
  /** Data folder of etcd; it is gone with the cluster. */
  data: string;
  /** Paths of programs by name. */
  programs: Record<string, string>;
  /** Number of nodes; 0 is the control plane only. */
  nodes: number;
  /** Whether there is more to the control plane than API server and etcd. */
  controllers: boolean;
  ports: Ports;
  auditLog: boolean;
  apiServerFlags: string[];
  /** Reference of the image of a pod's sandbox. */
  pauseImage: string;
  /** OCI archives to load into each node. */
  images: string[];
  nodeLostAfterSeconds?: number;
  /** Whether the cluster outlives the program that started it. */
  detached: boolean;
}

/** The ports on which the control plane listens. */
export interface Ports {
  apiServer: number;
  etcd: number;
  etcdPeer: number;
}

/** What a leader can be asked to do; it answers with the same `id`. */
export type Command =
  | { verb: 'start'; plan: ClusterPlan }
  | { verb: 'load-image'; archive: string }
  | { verb: 'stop-api-server'; signal: NodeJS.Signals }
  | { verb: 'start-api-server' }
  | { verb: 'signal-kubelet'; node: number; signal: 'SIGSTOP' | 'SIGCONT' };

/** A command on its way to a leader. */
export interface Request {
  id: number;
  command: Command;
}

/** What a leader answers. */
export interface Reply {
  id: number;
  /** Why it failed, if it did. */
  error?: string;
}
