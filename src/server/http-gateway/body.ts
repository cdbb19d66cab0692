import type { IncomingMessage } from "node:http";
import { CLOSE } from "./framing.js";
import { Problem } from "./problem.js";

const NO_BYTES = Buffer.alloc(0);
/** The client is gone, or was too slow and has been told so: there is nobody to answer. */
export class ClientGone {}

/** What is left of the body is not read: the connection is of no use for another request. */
function tooLarge(bytesMax: number): Problem {
  return new Problem(413, `the body may be ${bytesMax} bytes long, by jute.maxbuffer`, undefined, CLOSE);
}

/** The whole body. Throws Problem where it is longer than `bytesMax` or encoded, and ClientGone. */
export function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const { headers } = request;
  const encoding = headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity")
    throw new Problem(
      415,
      `the content encoding '${encoding}' is not taken: send the bytes as they are`,
      undefined,
      CLOSE,
    );
  const length = headers["content-length"];
  if (length === "0" || (length === undefined && headers["transfer-encoding"] === undefined))
    return Promise.resolve(NO_BYTES);
  if (length !== undefined && Number(length) > bytesMax) throw tooLarge(bytesMax);
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
      request.pause();
      reject(tooLarge(bytesMax));
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
