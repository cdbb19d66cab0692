import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Counter, Gauge, Registry } from "prom-client";
import { collectMetrics } from "./four-letter/metrics.js";
import { listenOn } from "./listen.js";
import type { ServerView } from "./server-view.js";

/** Serves `GET /metrics` in Prometheus' text format, under the names upstream's provider uses. */
export class MetricsEndpoint {
  private readonly registry = new Registry();
  private readonly server: Server;
  private readonly gauges = new Map<string, Gauge>();
  private readonly counters = new Map<string, Counter>();
  private readonly view: ServerView;

  constructor(view: ServerView) {
    this.view = view;
    this.server = createServer((request, response) => {
      this.answer(request, response).catch((error: unknown) => {
        response.writeHead(500, { "content-type": "text/plain" });
        response.end(`${String(error)}\n`);
      });
    });
  }

  /** Returns the port. Throws UserError `portInUse`. */
  async listen(host: string, port: number): Promise<number> {
    return listenOn(this.server, { host, port, key: "metricsProvider.httpPort" });
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.writeHead(405, { allow: "GET, HEAD" }).end();
      return;
    }
    if (request.url?.split("?")[0] !== "/metrics") {
      response.writeHead(404, { "content-type": "text/plain" }).end("only /metrics is served here\n");
      return;
    }
    this.refresh();
    const body = await this.registry.metrics();
    response.writeHead(200, { "content-type": this.registry.contentType });
    response.end(request.method === "HEAD" ? undefined : body);
  }

  private refresh(): void {
    const metrics = collectMetrics(this.view);
    const names = new Set(metrics.map(({ name }) => name));
    // A server that leads no longer has no learners to tell of.
    for (const [name, gauge] of this.gauges) if (!names.has(name)) gauge.remove();
    for (const { name, value, help, kind } of metrics) {
      if (kind === "gauge") this.gauge(name, help).set(value);
      else this.setCounter(name, help, value);
    }
  }

  private gauge(name: string, help: string): Gauge {
    let gauge = this.gauges.get(name);
    if (gauge === undefined) {
      gauge = new Gauge({ name, help, registers: [this.registry] });
      this.gauges.set(name, gauge);
    }
    return gauge;
  }

  private setCounter(name: string, help: string, value: number): void {
    let counter = this.counters.get(name);
    if (counter === undefined) {
      counter = new Counter({ name, help, registers: [this.registry] });
      this.counters.set(name, counter);
    }
    counter.reset();
    counter.inc(value);
  }
}
