/** What a child was made of, as fingerprints in its annotation: they tell who has changed when it differs from what is desired. */
export interface Origin {
  /** Name of the dispatcher. */
  dispatcher: string;
  /** Of the daemon's own spec. */
  own: string;
  /** Of what all daemons of the dispatcher share. */
  shared: string;
  /** Of what, besides, only the daemons of one service share. */
  service: string;
}

/** As it is written: a name of Kubernetes has no slash. */
export function formatOrigin({ dispatcher, own, shared, service }: Origin): string {
  return [dispatcher, own, shared, service].join('/');
}

/** Undefined for a text that is none, such as that of a later version of the operator. */
export function parseOrigin(text: string | undefined): Origin | undefined {
  const [dispatcher, own, shared, service, ...more] = text?.split('/') ?? [];
  if (!dispatcher || !own || !shared || !service || more.length > 0) return undefined;
  return { dispatcher, own, shared, service };
}
