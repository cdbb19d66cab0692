import { assert } from "../base/assert.js";

/** Every limit of the client, and how they relate. */

export const DEFAULT_PORT = 2181;
export const SESSION_TIMEOUT_MS_DEFAULT = 30_000;

/** A reply may be longer than any request: a list of a million children is. Memory is taken only as bytes arrive. */
export const REPLY_BYTES_MAX = 64 * 1024 * 1024;

/** What one read from a socket brings at the most. */
export const READ_CHUNK_BYTES = 32 * 1024;

/** A write buffer that grew beyond this is given back once it is empty. */
export const WRITE_BUFFER_KEPT_BYTES_MAX = 256 * 1024;

/** Path bytes in one setWatches: a server takes no packet above its `jute.maxbuffer`, which is 1 MiB by default. */
export const SET_WATCHES_BYTES_MAX = 128 * 1024;

/**
 * How long one of several servers may take to give a session in the first round; twice as long in each one after it. A
 * server that is stopped or cut off takes a connection and says nothing, and must not hold up a client that the others
 * would serve.
 */
export const FIRST_ATTEMPT_MS = 1_000;

export const BACKOFF_MIN_MS = 50;
export const BACKOFF_MAX_MS = 1_000;

/** Idle time after which a ping is sent, as a share of the negotiated session timeout. */
export const PING_SHARE = 1 / 3;

/** Silence after which the server is given up and another one tried, while the session can still be saved. */
export const DEAD_SHARE = 2 / 3;

assert(
  PING_SHARE < DEAD_SHARE && DEAD_SHARE < 1,
  "a ping must have time to be answered before the session is given up",
);
assert(BACKOFF_MIN_MS <= BACKOFF_MAX_MS, "backoff limits are in order");
assert(SET_WATCHES_BYTES_MAX < REPLY_BYTES_MAX, "what is sent is smaller than what is taken");
