/** Who wrote while he did not hold the lease, read from the API server's audit log. */
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';

interface AuditEvent {
  verb: string;
  impersonatedUser?: { username?: string };
  objectRef?: { resource?: string; subresource?: string; namespace?: string; name?: string };
  responseStatus?: { code?: number };
  requestReceivedTimestamp: string;
  stageTimestamp: string;
  requestObject?: { spec?: { holderIdentity?: string; leaseDurationSeconds?: number } };
}

/** A request that the API server carried out, at some time between two, in milliseconds since 1970. */
interface Commit {
  user: string;
  what: string;
  receivedMs: number;
  answeredMs: number;
}

interface LeaseCommit extends Commit {
  /** Empty: it was given up. */
  holder: string;
  durationMs: number;
}

/** From the first write of a holder to the moment from which he can't rely on it. */
interface Term {
  user: string;
  fromMs: number;
  untilMs: number;
}

export interface Verdict {
  writes: number;
  terms: number;
  /** Each write outside the terms of its user, in words. */
  withoutLease: string[];
}

const writeVerbs = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);

/** A policy for the audit log by which the holder of a Lease can be read in it. Returns the flag for the API server. */
export async function auditLeases(path: string): Promise<string> {
  const rules = [
    { level: 'Request', resources: [{ group: 'coordination.k8s.io', resources: ['leases'] }] },
    { level: 'Metadata' },
  ];
  const policy = { apiVersion: 'audit.k8s.io/v1', kind: 'Policy', omitStages: ['RequestReceived'], rules };
  await writeFile(path, JSON.stringify(policy));
  return `--audit-policy-file=${path}`;
}

/** Judges all writes of the operators whose users begin with `namespace`. Their Lease is in that namespace. */
export async function judgeWrites(auditLog: string, namespace: string): Promise<Verdict> {
  const leases: LeaseCommit[] = [];
  const writes: Commit[] = [];
  for await (const line of createInterface({ input: createReadStream(auditLog) })) {
    if (!line.includes(namespace)) continue;
    const event = JSON.parse(line) as AuditEvent;
    const user = event.impersonatedUser?.username;
    const code = event.responseStatus?.code ?? 0;
    if (!user?.startsWith(`${namespace}-`) || !writeVerbs.has(event.verb) || code >= 300) continue;
    if (event.objectRef?.resource === 'leases') leases.push({ ...commitOf(event, user), ...leaseOf(event) });
    else writes.push(commitOf(event, user));
  }
  const terms = termsOf(leases.toSorted((a, b) => a.answeredMs - b.answeredMs));
  const bad = writes.filter((write) => !terms.some((term) => covers(term, write)));
  return { writes: writes.length, terms: terms.length, withoutLease: bad.map(describe) };
}

function covers(term: Term, { user, receivedMs, answeredMs }: Commit): boolean {
  return term.user === user && answeredMs >= term.fromMs && receivedMs <= term.untilMs;
}

function termsOf(leases: LeaseCommit[]): Term[] {
  const terms: Term[] = [];
  for (const { user, holder, receivedMs, answeredMs, durationMs } of leases) {
    const current = terms.at(-1);
    const untilMs = answeredMs + durationMs;
    if (current?.user === user && receivedMs <= current.untilMs)
      current.untilMs = holder === '' ? answeredMs : untilMs;
    else {
      if (current) current.untilMs = Math.min(current.untilMs, answeredMs);
      terms.push({ user, fromMs: receivedMs, untilMs });
    }
  }
  return terms;
}

function commitOf(event: AuditEvent, user: string): Commit {
  const { resource = '', subresource, name = '' } = event.objectRef ?? {};
  const what = `${event.verb} ${[resource, subresource].filter(Boolean).join('/')} ${name}`.trim();
  const receivedMs = Date.parse(event.requestReceivedTimestamp);
  return { user, what, receivedMs, answeredMs: Date.parse(event.stageTimestamp) };
}

function leaseOf({ requestObject }: AuditEvent): Pick<LeaseCommit, 'holder' | 'durationMs'> {
  const { holderIdentity = '', leaseDurationSeconds = 0 } = requestObject?.spec ?? {};
  return { holder: holderIdentity, durationMs: leaseDurationSeconds * 1000 };
}

function describe({ user, what, receivedMs }: Commit): string {
  return `${new Date(receivedMs).toISOString()} ${user}: ${what}`;
}
