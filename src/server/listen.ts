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

/** Listens and returns the port; throws UserError where the system refuses it. Fits an HTTP server as well. */
export function listenOn(server: Server, { host, port, backlog, key }: ListenOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      if (error.code === "EADDRINUSE") reject(new UserError(USER_ERRORS.portInUse, { port }, key));
      else
        reject(
          new UserError(USER_ERRORS.cannotListen, { port, host: host ?? "any address", problem: error.message, key }),
        );
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
