/** A pod template overlay with a bit of everything that users put into one; written as Kubernetes stores it, but for `protocol`. */
export const richTemplate = {
  metadata: {
    labels: { team: 'release' },
    annotations: { 'kubectl.kubernetes.io/restartedAt': '2026-01-01T00:00:00Z' },
  },
  spec: {
    containers: [
      {
        name: 'daemon',
        imagePullPolicy: 'IfNotPresent',
        workingDir: '/opt/clarive',
        ports: [{ name: 'metrics', containerPort: 9100 }],
        resources: {
          requests: { cpu: '250m', memory: '512Mi' },
          limits: { cpu: 2, memory: '1.5Gi', 'ephemeral-storage': '1e9', 'example.com/gpu': '1' },
        },
        livenessProbe: { exec: { command: ['pgrep', 'perl'] }, periodSeconds: 30, failureThreshold: 3 },
        readinessProbe: {
          httpGet: {
            path: '/ready',
            port: 'metrics',
            scheme: 'HTTP',
            httpHeaders: [{ name: 'X-Probe', value: 'k8s' }],
          },
        },
        startupProbe: { tcpSocket: { port: 9100 }, failureThreshold: 60 },
        lifecycle: { preStop: { exec: { command: ['sleep', '1'] } } },
        securityContext: {
          runAsUser: 1000,
          runAsNonRoot: true,
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] },
          seccompProfile: { type: 'Localhost', localhostProfile: 'clarive.json' },
        },
        volumeMounts: [
          { name: 'jobs', mountPath: '/opt/clarive/jobs' },
          { name: 'ca', mountPath: '/etc/ssl/own.crt', subPath: 'ca.crt', readOnly: true },
        ],
        terminationMessagePolicy: 'FallbackToLogsOnError',
      },
      {
        name: 'log',
        image: 'busybox:1.37',
        command: ['tail', '-F'],
        args: ['/opt/clarive/logs/dispatcher.log'],
        env: [
          { name: 'LEVEL', value: 'info' },
          { name: 'NODE', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'spec.nodeName' } } },
          { name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'log', key: 'token', optional: true } } },
          { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1m' } } },
        ],
        envFrom: [{ prefix: 'LOG_', configMapRef: { name: 'log' } }],
        volumeMounts: [{ name: 'logs', mountPath: '/opt/clarive/logs', mountPropagation: 'HostToContainer' }],
      },
    ],
    initContainers: [
      { name: 'wait', image: 'busybox:1.37', command: ['nc', '-z', 'mongo', '27017'] },
      {
        name: 'proxy',
        image: 'proxy:1',
        restartPolicy: 'Always',
        ports: [{ containerPort: 8080, protocol: 'TCP' }],
      },
    ],
    volumes: [
      { name: 'jobs', persistentVolumeClaim: { claimName: 'jobs' } },
      { name: 'logs', emptyDir: { medium: 'Memory', sizeLimit: '64Mi' } },
      { name: 'repo', nfs: { server: 'nfs.example.com', path: '/repo' } },
      {
        name: 'settings',
        configMap: { name: 'settings', items: [{ key: 'a', path: 'b', mode: 256 }], defaultMode: 420 },
      },
      { name: 'host', hostPath: { path: '/var/run', type: 'Directory' } },
      {
        name: 'csi',
        csi: { driver: 'secrets-store.csi.k8s.io', readOnly: true, volumeAttributes: { a: 'b' } },
      },
      {
        name: 'scratch',
        ephemeral: {
          volumeClaimTemplate: {
            metadata: { labels: { purpose: 'scratch' } },
            spec: {
              accessModes: ['ReadWriteOnce'],
              storageClassName: 'fast',
              resources: { requests: { storage: '10Gi' } },
            },
          },
        },
      },
      {
        name: 'ca',
        projected: {
          sources: [
            { secret: { name: 'ca', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
            { serviceAccountToken: { path: 'token', audience: 'vault', expirationSeconds: 3600 } },
            { downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
          ],
        },
      },
    ],
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: 'disk', operator: 'In', values: ['ssd'] }] }],
        },
      },
      podAntiAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          {
            weight: 50,
            podAffinityTerm: {
              topologyKey: 'kubernetes.io/hostname',
              labelSelector: { matchLabels: { team: 'release' } },
            },
          },
        ],
      },
    },
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'topology.kubernetes.io/zone',
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: { matchExpressions: [{ key: 'team', operator: 'Exists' }] },
      },
    ],
    tolerations: [{ key: 'batch', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 60 }],
    nodeSelector: { 'kubernetes.io/os': 'linux' },
    imagePullSecrets: [{ name: 'registry' }],
    hostAliases: [{ ip: '10.0.0.1', hostnames: ['mongo'] }],
    dnsConfig: { searches: ['example.com'], options: [{ name: 'ndots', value: '2' }] },
    securityContext: {
      fsGroup: 1000,
      supplementalGroups: [2000],
      sysctls: [{ name: 'net.core.somaxconn', value: '1024' }],
    },
    serviceAccountName: 'clarive',
    automountServiceAccountToken: false,
    priorityClassName: 'high',
    runtimeClassName: 'gvisor',
    schedulerName: 'batch-scheduler',
    schedulingGates: [{ name: 'example.com/quota' }],
    readinessGates: [{ conditionType: 'example.com/registered' }],
    overhead: { cpu: '10m' },
    terminationGracePeriodSeconds: 300,
    enableServiceLinks: false,
    restartPolicy: 'Always',
  },
};
