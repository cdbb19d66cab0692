import type { IncomingMessage } from "node:http";
import { CLOSE } from "./framing.js";
import { GATEWAY_LIMITS } from "./limits.js";
import { Problem } from "./problem.js";

const NO_BYTES = Buffer.alloc(0);
/** The client is gone, or was too slow and has been told so: there is nobody to answer. */
export class ClientGone {}

/** What is left of the body is not read: the connection is of no use for another request. */
function tooLarge(bytesMax: number): Problem {
  return new Problem(413, `the body may be ${bytesMax} bytes long, by jute.maxbuffer`, undefined, CLOSE);
}

/**
 * Throws `problem` once the body has been thrown away, or enough of it. A connection that is closed with bytes unread is reset,
 * and the client, which is still sending, would never come to read the answer (RFC 9112, 9.6).
 */
function refuseBody(request: IncomingMessage, problem: Problem): Promise<never> {
  return new Promise((_, reject) => {
    let left: number = GATEWAY_LIMITS.discardedBytesMax;
    const done = (): void => {
      clearTimeout(timer);
      request.off("data", onData);
      request.pause();
      reject(problem);
    };
    const onData = (chunk: Buffer): void => {
      left -= chunk.length;
      if (left <= 0) done();
    };
    const timer = setTimeout(done, GATEWAY_LIMITS.discardMs);
    request.on("data", onData);
    request.once("end", done);
    request.once("close", done);
    request.on("error", done);
    request.resume();
  });
}

/** The whole body. Throws Problem where it is longer than `bytesMax` or encoded, and ClientGone. */
export function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const { headers } = request;
  const encoding = headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity")
    return refuseBody(
      request,
      new Problem(415, `the content encoding '${encoding}' is not taken: send the bytes as they are`, undefined, CLOSE),
    );
  const length = headers["content-length"];
  if (length === "0" || (length === undefined && headers["transfer-encoding"] === undefined))
    return Promise.resolve(NO_BYTES);
  if (length !== undefined && Number(length) > bytesMax) return refuseBody(request, tooLarge(bytesMax));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes <= bytesMax) {
        chunks.push(chunk);
        return;
      }
      request.off("data", onData);
      chunks.length = 0;
      resolve(refuseBody(request, tooLarge(bytesMax)));
    };
    request.on("data", onData);
    request.on("end", () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, bytes)));
    request.on("error", () => reject(new ClientGone()));
    request.on("close", () => {
      if (!request.complete) reject(new ClientGone());
    });
  });
}

/** The body as JSON; undefined where there is none. Throws Problem, and ClientGone. */
export async function readJson(request: IncomingMessage, bytesMax: number): Promise<unknown> {
  const body = await readBody(request, bytesMax);
  if (body.length === 0) return undefined;
  const type = request.headers["content-type"]?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/json") throw new Problem(415, "the body is to be application/json");
  try {
    return JSON.parse(body.toString("utf8"));
  } catch (error) {
    throw new Problem(400, `the body is not JSON: ${(error as Error).message}`, "MARSHALLINGERROR");
  }
}
