import { request } from "node:http";
import type { Address } from "./target.js";

const ANSWER_TIMEOUT_MS = 1_500;

/** The body of a 200 answer; undefined for any other, and where none comes in time. `body` makes it a POST of JSON. */
export function askHttp(address: Address, path: string, body?: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const asked = request(
      {
        host: address.host,
        port: address.port,
        path,
        method: body === undefined ? "GET" : "POST",
        agent: false,
        signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
      },
      (answer) => {
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("error", () => resolve(undefined));
        answer.on("end", () => resolve(answer.statusCode === 200 ? Buffer.concat(chunks).toString("utf8") : undefined));
      },
    );
    asked.on("error", () => resolve(undefined));
    asked.end(body);
  });
}
