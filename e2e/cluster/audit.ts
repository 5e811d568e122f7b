import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const policy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [{ level: 'Metadata' }],
};

/** Path of the audit log of the cluster in folder `root`. */
export function auditLogPath(root: string): string {
  return join(root, 'audit.jsonl');
}

/** Writes the policy that `auditFlags` refers to: each request once, when it is answered, without bodies. */
export async function writeAuditPolicy(root: string): Promise<void> {
  await writeFile(policyPath(root), JSON.stringify(policy));
}

/** Flags of kube-apiserver for an audit log in one file, each event on disk before its request is answered. */
export function auditFlags(root: string): string[] {
  return [
    `--audit-policy-file=${policyPath(root)}`,
    `--audit-log-path=${auditLogPath(root)}`,
    '--audit-log-mode=blocking',
    '--audit-log-maxsize=100000',
  ];
}

function policyPath(root: string): string {
  return join(root, 'audit-policy.json');
}
