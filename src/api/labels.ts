/** Field manager of every write, and the User-Agent's product name. */
export const fieldManager = 'clarive-operator';

/** Label by which children and their pods are watched, so that foreign objects cost nothing. */
export const managedByLabel = 'app.kubernetes.io/managed-by';

/** Selector labels of a child: they may never change, because a Deployment's selector is immutable. */
export const nameLabel = 'app.kubernetes.io/name';
export const nameLabelValue = 'clarive-daemon';
export const instanceLabel = 'app.kubernetes.io/instance';

/** Canonical registry key of the service, for `kubectl get pods -l clarive.com/service=service.job.daemon`. */
export const serviceLabel = 'clarive.com/service';

/** Name of the dispatcher that the daemon is attached to; the selector of the dispatcher's scale. */
export const dispatcherLabel = 'clarive.com/dispatcher';

/** Annotation of the pod template that carries the rendered config file. */
export const configAnnotation = 'clarive.com/config';

/** Annotation of the child with the digest of what was last applied: it shows fields that must be removed. */
export const appliedAnnotation = 'clarive.com/applied';

/** Annotation of the child of an attached daemon: see `Origin`. */
export const originAnnotation = 'clarive.com/origin';

/** Annotation of a child with what its pod was started with: see `Contents`. Only where changes of that are followed. */
export const contentsAnnotation = 'clarive.com/contents';

/** Scheduling gate of the pods of exclusive daemons: the operator lifts it when no other one can run any more. */
export const exclusiveGate = 'clarive.com/exclusive';

/** Set by `kubectl rollout restart`; the later of the daemon's and the child's own is kept. */
export const restartedAtAnnotation = 'kubectl.kubernetes.io/restartedAt';

/** Name of the container that runs the daemon. */
export const daemonContainer = 'daemon';
