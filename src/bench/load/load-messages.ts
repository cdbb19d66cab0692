import type { MessagePort } from "node:worker_threads";
import type { LoadJob, LoadReport, LoadSpan, SecondBatch } from "./load.js";

/** What a worker is given for the whole run: it serves commands on the port until `exit`. */
export interface LoadTask {
  readonly worker: number;
  readonly port: MessagePort;
}

/** One at a time, each answered by the reply named behind it; `endNow` may come during a `run` and has no reply. */
export type LoadCommand =
  /** Makes the job's root and keys -> prepared */
  | { readonly kind: "populate"; readonly job: LoadJob }
  /** Removes the job's root and all below it -> prepared */
  | { readonly kind: "remove"; readonly job: LoadJob }
  /** -> opened */
  | { readonly kind: "open"; readonly job: LoadJob }
  /** -> ran */
  | { readonly kind: "run"; readonly span: LoadSpan }
  /** Ends the run's window now; `drainMs` is how long answers may still take. */
  | { readonly kind: "endNow"; readonly drainMs: number }
  /** -> closed */
  | { readonly kind: "close" }
  /** Ends the task. */
  | { readonly kind: "exit" };

export type LoadReply =
  | { readonly kind: "prepared" }
  | { readonly kind: "opened" }
  | { readonly kind: "ran"; readonly report: LoadReport }
  | { readonly kind: "closed" }
  | { readonly kind: "failed"; readonly command: LoadCommand["kind"]; readonly error: RemoteError };

/** While a `run` goes on, and before its reply. */
export interface LoadNews {
  readonly kind: "second";
  readonly batch: SecondBatch;
}

/** An error of another thread. */
export interface RemoteError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  /** The target's own name of it where it has one. */
  readonly failure: string;
}
