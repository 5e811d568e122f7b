/** Why the API server will not take a child, told with its own words. */
export type RefusalReason = 'InvalidSpec' | 'AdmissionRejected' | 'Conflict';

/**
 * The API server understood a write and refuses it: trying again helps only after something else changed. Whoever talks to the
 * API server translates its answer into this; the story reports it in the daemon's status.
 */
export class RefusedError extends Error {
  readonly reason: RefusalReason;

  constructor(reason: RefusalReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RefusedError';
    this.reason = reason;
  }
}
