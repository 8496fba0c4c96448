import type { Bytes } from '../units.ts';
import type { Directives } from './cache-control.ts';
import type { Fence } from './fences.ts';
import type { HttpRequest, HttpResponse } from './http-message.ts';
import type { StoredHead, StoredResponse } from './stored-response.ts';
import type { Target } from './target.ts';
import type { Forward, Plan } from './upstream.ts';

/** One request that has to go forward. */
export interface Job {
  readonly target: Target;
  readonly request: HttpRequest;
  /** The request's directives. */
  readonly wishes: Directives;
  readonly plan: Plan;
  /** What is stored for it, though it cannot be used as it is. */
  readonly stored: StoredResponse | undefined;
  readonly forward: Forward;
}

/** Of a fetch that runs. */
export interface FetchTerms {
  readonly fence: Fence;
  /** Ends it, its body included. */
  readonly abort: () => void;
}

/** An answer that other requests may have too. */
export interface Shared {
  readonly head: StoredHead;
  /** Of the variant that a request must select. */
  readonly vary: readonly string[];
  readonly key: string;
  /** It is stale, and stands in for an answer that failed. */
  readonly standsIn: boolean;
  /** Undefined when the body was too long or did not come to its end. Never rejects. */
  readonly record: Promise<StoredResponse | undefined>;
  /** The body on its way; undefined where only the whole record may be shared. */
  readonly stream?: { readonly length: Bytes; read(): AsyncIterable<Uint8Array> | undefined } | undefined;
}

/** What a job came to. */
export interface Outcome {
  /** The answer as it arrived, for the client of the job alone. */
  readonly arrived?: HttpResponse;
  /** In place of `arrived`: what that client is to be answered from. */
  readonly own?: StoredResponse;
  readonly shared?: Shared;
  /** What the next server answered where the client gets something else. */
  readonly fwdStatus?: number;
  /** What it stands in for, where no answer came at all. */
  readonly failure?: unknown;
  /** Settles when nothing more is being stored. Never rejects. */
  readonly storing: Promise<unknown>;
}

export const NOTHING_TO_STORE: Promise<void> = Promise.resolve();
