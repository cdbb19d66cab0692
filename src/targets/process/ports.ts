import { randomInt } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";

export const LOOPBACK = "127.0.0.1";

const LOWEST_PORT = 20_000;
const HIGHEST_PORT = 32_767;
/** Below this many ports to choose from, the system's own choice is the better one. */
const CHOICE_MIN = 1_000;
const TRIES_MAX = 100;

/** A loopback port held by this process until it is released to the server that will listen on it. */
export interface PortReservation {
  readonly port: number;
  release(): Promise<void>;
}

/** Gives `count` different ports, all held at the same time. */
export type ReservePorts = (count: number) => Promise<PortReservation[]>;

async function listen(port: number): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy());
  server.unref();
  try {
    server.listen({ host: LOOPBACK, port, exclusive: true });
    await once(server, "listening");
    return server;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") return undefined;
    throw error;
  }
}

/**
 * The highest port that outgoing connections do not use by themselves. A server that is down for a while must find its
 * port free when it returns, and a client that keeps trying a closed port in the outgoing range may one day be given that
 * very port and connect to itself.
 */
async function highestFixedPort(): Promise<number> {
  try {
    const range = await readFile("/proc/sys/net/ipv4/ip_local_port_range", "utf8");
    return Math.min(HIGHEST_PORT, Number.parseInt(range, 10) - 1);
  } catch {
    return HIGHEST_PORT;
  }
}

export const reserveLoopbackPorts: ReservePorts = async (count) => {
  const highest = await highestFixedPort();
  const servers: Server[] = [];
  try {
    for (let tries = 0; servers.length < count; tries++) {
      const choose = highest - LOWEST_PORT >= CHOICE_MIN && tries < TRIES_MAX;
      const server = await listen(choose ? randomInt(LOWEST_PORT, highest + 1) : 0);
      if (server !== undefined) servers.push(server);
    }
  } catch (error) {
    for (const server of servers) server.close();
    throw error;
  }
  return servers.map((server) => {
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    return {
      port,
      release: async () => {
        if (!server.listening) return;
        server.close();
        await once(server, "close");
      },
    };
  });
};

/** Those of `ports` that something listens on. */
export async function portsInUse(ports: readonly number[]): Promise<number[]> {
  const used: number[] = [];
  for (const port of ports) {
    const server = await listen(port);
    if (server === undefined) used.push(port);
    else {
      server.close();
      await once(server, "close");
    }
  }
  return used;
}
