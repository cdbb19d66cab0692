import type { AddressInfo, Server } from "node:net";
import { USER_ERRORS, UserError } from "../base/user-error.js";

export interface ListenOptions {
  /** Undefined is every address. */
  readonly host: string | undefined;
  readonly port: number;
  readonly backlog?: number | undefined;
  /** The configuration key that names the port, for the error. */
  readonly key: string;
}

/** Listens and returns the port; throws UserError `portInUse` where the system refuses it. Fits an HTTP server as well. */
export function listenOn(server: Server, { host, port, backlog, key }: ListenOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      const problem = error.code === "EADDRINUSE" ? "it is in use" : error.message;
      reject(new UserError(USER_ERRORS.portInUse, { port, host: host ?? "any address", problem, key }));
    };
    server.once("error", onError);
    const options = {
      port,
      ...(host === undefined ? {} : { host }),
      ...(backlog === undefined || backlog < 0 ? {} : { backlog }),
    };
    server.listen(options, () => {
      server.removeListener("error", onError);
      resolve((server.address() as AddressInfo).port);
    });
  });
}
