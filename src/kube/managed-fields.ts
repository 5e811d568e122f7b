/** Who owns which field of an object, as server-side apply keeps account of it. */
import { fieldManager } from '../api/labels.ts';

/** An entry of `metadata.managedFields`, as far as ownership is concerned. */
export interface ManagedFields {
  manager?: string;
  operation?: string;
  subresource?: string;
  fieldsV1?: FieldSet;
}

/** Names of fields, each with those below it. */
interface FieldSet {
  [name: string]: FieldSet;
}

/**
 * The JSON patch that gives to our "Apply" what belongs to our "Update"; empty if nothing does. It fails (422) if the entries have
 * changed meanwhile. Follows csaupgrade of client-go.
 */
export function turnToApply(entries: ManagedFields[]): object[] {
  const updated = entries.findIndex(isOwnUpdate);
  if (updated === -1) return [];
  const applied = entries.findIndex(isOwnApply);
  const pathOf = (index: number) => `/metadata/managedFields/${index}`;
  const isUnchanged = (index: number) => ({ op: 'test', path: pathOf(index), value: entries[index] });
  if (applied === -1)
    return [isUnchanged(updated), { op: 'replace', path: `${pathOf(updated)}/operation`, value: 'Apply' }];
  const value = union(entries[applied]?.fieldsV1, entries[updated]?.fieldsV1);
  return [
    isUnchanged(updated),
    isUnchanged(applied),
    { op: 'replace', path: `${pathOf(applied)}/fieldsV1`, value },
    { op: 'remove', path: pathOf(updated) },
  ];
}

function union(some: FieldSet = {}, others: FieldSet = {}): FieldSet {
  const both = { ...some };
  for (const [name, fields] of Object.entries(others)) both[name] = union(both[name], fields);
  return both;
}

function isOwnUpdate({ manager, operation, subresource }: ManagedFields): boolean {
  return manager === fieldManager && operation === 'Update' && !subresource;
}

function isOwnApply({ manager, operation }: ManagedFields): boolean {
  return manager === fieldManager && operation === 'Apply';
}
