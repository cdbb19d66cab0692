import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { ClientConnection } from "../../core/request/client-connection.js";
import type { ServiceCore } from "../../core/service.js";
import type { Id } from "../../jute/records.js";
import { listenOn } from "../listen.js";
import type { Logger } from "../log.js";
import { ClientGone } from "./body.js";
import { OwnSessions, SessionlessCaller } from "./callers.js";
import { CorePort } from "./core-port.js";
import { Exchange } from "./exchange.js";
import { checkFraming } from "./framing.js";
import { addressOf, idsOf } from "./identity.js";
import { GATEWAY_LIMITS } from "./limits.js";
import { checkHost, checkOrigin, type OriginRules, PREFLIGHT_HEADERS } from "./origin.js";
import { Outbox } from "./outbox.js";
import { asProblem, Problem } from "./problem.js";
import { parseResource, type Resource } from "./resource.js";
import { handlerOf, routeOf, type Services } from "./routes.js";
import { GatewaySessions } from "./sessions.js";
import type { GatewayStatistics } from "./statistics.js";
import { Watches } from "./watches.js";

export interface GatewayConfiguration extends OriginRules {
  readonly host: string;
  readonly port: number;
  readonly connectionsMax: number;
  /** For a request to come whole, in milliseconds. */
  readonly requestTimeoutMs: number;
}

/** Of a request whose target is none. */
const NO_RESOURCE: Resource = { family: "", rest: "", query: new Map() };

/** One connection of an HTTP client, which is served one request at a time, in order. */
interface Peer {
  readonly address: string;
  readonly ids: readonly Id[];
  busy: boolean;
  /** It was told that its connection ends: nothing else that came on it is looked at. */
  isRefused: boolean;
  readonly waiting: (readonly [IncomingMessage, ServerResponse])[];
}

/**
 * The znodes over HTTP. Requests take the way that those of the client port take, through sessions of the core that are held
 * in this process; nothing is decided here that a client of the client port would not be told.
 */
export class HttpGateway {
  private readonly configuration: GatewayConfiguration;
  private readonly log: Logger;
  private readonly server: Server;
  private readonly port: CorePort;
  private readonly own: OwnSessions;
  private readonly services: Services;
  private readonly peers = new Map<Socket, Peer>();
  private readonly outbox = new Outbox();
  private requests = 0;
  private clientErrors = 0;
  private serverErrors = 0;

  constructor(
    core: ServiceCore,
    configuration: GatewayConfiguration,
    maxBufferBytes: number,
    enterTurn: () => void,
    log: Logger,
  ) {
    this.configuration = configuration;
    this.log = log;
    this.port = new CorePort(core, maxBufferBytes, enterTurn);
    this.own = new OwnSessions(this.port);
    const sessions = new GatewaySessions(this.port);
    this.services = { sessions, watches: new Watches(this.port, sessions), bodyBytesMax: maxBufferBytes };
    const limits = GATEWAY_LIMITS;
    this.server = createServer(
      {
        maxHeaderSize: limits.headerBytesMax,
        headersTimeout: Math.min(limits.headersTimeoutMs, configuration.requestTimeoutMs),
        requestTimeout: configuration.requestTimeoutMs,
        connectionsCheckingInterval: limits.lateCheckIntervalMs,
        keepAliveTimeout: limits.idleTimeoutMs,
        noDelay: true,
      },
      (request, response) => this.accept(request, response),
    );
    this.server.maxConnections = configuration.connectionsMax;
    this.server.timeout = limits.idleTimeoutMs;
    this.server.on("connection", (socket: Socket) => this.connected(socket));
  }

  /** Returns the port. Throws UserError. */
  listen(): Promise<number> {
    const { host, port } = this.configuration;
    return listenOn(this.server, { host, port, backlog: GATEWAY_LIMITS.backlog, key: "httpGateway.port" });
  }

  /** Takes what the core wrote for the gateway's connections. */
  flush(dirty: readonly ClientConnection[]): void {
    this.port.flush(dirty);
  }

  get statistics(): GatewayStatistics {
    const { sessions, watches } = this.services;
    const { requests, clientErrors, serverErrors } = this;
    return {
      requests,
      clientErrors,
      serverErrors,
      streamsCut: watches.cutCount,
      connections: this.peers.size,
      sessions: sessions.count,
      streams: watches.count,
    };
  }

  /** Sessions of HTTP clients are left to their timeouts; those of the gateway itself are closed. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.services.watches.end();
    this.services.sessions.end();
    this.server.closeAllConnections();
    await closed;
    await this.own.close();
  }

  private connected(socket: Socket): void {
    const address = addressOf(socket);
    this.peers.set(socket, { address, ids: idsOf(address), busy: false, isRefused: false, waiting: [] });
    socket.on("close", () => this.peers.delete(socket));
  }

  private accept(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const peer = this.peers.get(socket);
    if (peer === undefined) {
      socket.destroy();
      return;
    }
    if (peer.isRefused) return;
    if (!peer.busy) {
      peer.busy = true;
      void this.serve(peer, request, response);
    } else if (peer.waiting.length < GATEWAY_LIMITS.pipelinedMax) {
      peer.waiting.push([request, response]);
    } else {
      // Node reads on as long as nothing was answered, so this is where it ends.
      socket.destroy();
    }
  }

  private async serve(peer: Peer, request: IncomingMessage, response: ServerResponse): Promise<void> {
    await this.answer(peer, request, response);
    for (let next = peer.waiting.shift(); next !== undefined; next = peer.waiting.shift()) {
      if (!next[0].socket.destroyed) await this.answer(peer, ...next);
    }
    peer.busy = false;
  }

  private async answer(peer: Peer, request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests++;
    const { address, ids } = peer;
    let resource = NO_RESOURCE;
    let originHeaders: ReturnType<typeof checkOrigin>;
    let exchange: Exchange | undefined;
    try {
      checkFraming(request);
      resource = parseResource(request.url ?? "");
      checkHost(request, this.configuration);
      originHeaders = checkOrigin(request, this.configuration);
      exchange = new Exchange(request, response, resource, address, ids, originHeaders, this.outbox);
      await this.handle(exchange);
    } catch (error) {
      // Nobody is there to be told.
      if (error instanceof ClientGone) return;
      exchange ??= new Exchange(request, response, resource, address, ids, originHeaders, this.outbox);
      this.refuse(peer, exchange, error);
    }
  }

  private async handle(exchange: Exchange): Promise<void> {
    const { method, headers } = exchange.request;
    const { family, rest } = exchange.resource;
    const route = routeOf(family, rest);
    if (method === "OPTIONS" && headers.origin !== undefined) {
      exchange.send(204, PREFLIGHT_HEADERS);
      return;
    }
    const handler = handlerOf(route, method ?? "");
    if (route.isStatic === undefined && !this.own.isOpen) await this.own.whenOpen(GATEWAY_LIMITS.serveWaitMs);
    await handler(exchange, new SessionlessCaller(this.own, exchange.ids), this.services);
  }

  private refuse(peer: Peer, exchange: Exchange, error: unknown): void {
    const { request, response, resource } = exchange;
    let problem = asProblem(error, resource.rest);
    if (problem === undefined) {
      this.log.error({ method: request.method, url: request.url, error: String(error) }, "a gateway request failed");
      problem = new Problem(500, "the server failed; its log says how", "SYSTEMERROR");
    }
    if (problem.status >= 500) this.serverErrors++;
    else this.clientErrors++;
    if (problem.headers["connection"] === "close") {
      peer.isRefused = true;
      peer.waiting.length = 0;
    }
    if (exchange.wasAnswered) response.destroy();
    else exchange.sendProblem(problem);
  }
}
