import { assert } from "../../base/assert.js";

// Every limit of the gateway that no configuration key changes.

export const GATEWAY_LIMITS = {
  headerBytesMax: 16_384,
  /** For the headers of a request to come whole; they have to be there before its body. */
  headersTimeoutMs: 10_000,
  /** What is read of a body that is refused before the answer is given, so that the client comes to read that. */
  discardedBytesMax: 64 * 1_048_576,
  discardMs: 2_000,
  /** Late requests are looked for this often. */
  lateCheckIntervalMs: 500,
  /** A connection on which nothing moves, in either direction, is closed. */
  idleTimeoutMs: 60_000,
  /** Requests of one connection that wait for the one before them. */
  pipelinedMax: 64,
  /** Connections that are not accepted at once. */
  backlog: 511,
  sessionsMax: 10_000,
  streamsMax: 10_000,
  /** Comments keep a stream of events from looking dead. */
  heartbeatMs: 15_000,
  /** What may wait for a reader of events when more comes; then it is cut off. The events of one turn are never cut. */
  streamUnsentBytesMax: 1_048_576,
  /** What a reader of events is to wait before it comes again. */
  streamRetryMs: 1_000,
  /** How long a request waits while this server serves nobody, which most elections take less than. */
  serveWaitMs: 5_000,
  /** The next try to get a session, where one failed. */
  sessionRetryMs: 100,
  /** What is asked for the sessions of the gateway itself. */
  ownSessionTimeoutMs: 30_000,
  /** What the end of the server waits for the gateway's own sessions to be closed. */
  closeWaitMs: 1_000,
  /** What is kept of a connection's memory once its replies were taken. */
  outputKeptBytesMax: 262_144,
  /** A put without a precondition sets or creates; somebody else may delete or create in between. */
  putAttemptsMax: 8,
} as const;

assert(GATEWAY_LIMITS.heartbeatMs * 2 < GATEWAY_LIMITS.idleTimeoutMs, "a stream lives through a lost heartbeat");
assert(GATEWAY_LIMITS.lateCheckIntervalMs < GATEWAY_LIMITS.headersTimeoutMs, "late requests are found in time");
