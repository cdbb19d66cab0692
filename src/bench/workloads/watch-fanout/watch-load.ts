import { setTimeout as sleep } from "node:timers/promises";
import { assert } from "../../../base/assert.js";
import type { TargetDriver, WatchSession } from "../../../targets/driver.js";
import { LoadShared, type WorkerCounters } from "../../../workers/load-shared.js";
import { nowMicros } from "../../load/clock.js";
import { failureName } from "../../load/failure.js";
import type { CheckTally, Load, LoadJob, LoadReport, LoadWindow } from "../../load/load.js";
import { openAll, ownConnections, sleepUntil } from "../../load/opening.js";
import { SessionWindow } from "../../load/session-window.js";
import { Tally } from "../../load/tally.js";
import { WatchWords } from "./watch-words.js";

const CHANGE = 0;
const DELIVER = 1;
const DELIVER_LAST = 2;
const OPERATIONS = ["change", "deliver", "deliver-last"] as const;

/** The value that is watched. */
const KEY = 0;
/** The worker that opens the one connection that changes it. */
const CHANGER_WORKER = 0;
/** After a change of which it is not known whether it happened, before the next one. */
const UNCERTAIN_QUIET_MS = 200;
const WATCHDOG_MS = 50;

interface Watcher {
  readonly index: number;
  seen: number;
  lastOrder: number;
}

/**
 * One value, one connection that changes it, and all others watching it. Every event is checked: `watch-order` (what a
 * watcher is told never goes back) and `watch-delivery` (every watcher is told of every change, and of nothing else).
 */
export class WatchLoad implements Load {
  private readonly job: LoadJob;
  private readonly driver: TargetDriver;
  private readonly worker: number;
  private readonly counters: WorkerCounters;
  private readonly shared: WatchWords;
  private readonly watchers: Watcher[] = [];
  private readonly sessions: WatchSession[] = [];
  private changer: WatchSession | undefined;
  private readonly watchOrder = new Tally("watch-order");
  private readonly watchDelivery = new Tally("watch-delivery");
  private window: SessionWindow | undefined;

  constructor(job: LoadJob, driver: TargetDriver, worker: number) {
    assert(job.workload.kind === "watch-fanout", "a watch load needs a watch-fanout workload");
    this.job = job;
    this.driver = driver;
    this.worker = worker;
    const shared = new LoadShared(job.workers, 0, job.shared);
    this.counters = shared.counters(worker);
    this.shared = new WatchWords(shared.region);
  }

  async open(): Promise<void> {
    const { members, root, sessionTimeoutMs, connections } = this.job;
    await openAll(ownConnections(this.job, this.worker), async (index) => {
      const session = await this.driver.openSession("watch", { members, index, root, sessionTimeoutMs });
      this.sessions.push(session);
      const watcher: Watcher = { index, seen: 0, lastOrder: 0 };
      this.watchers.push(watcher);
      await session.watch(KEY, (order) => this.told(watcher, order));
      this.counters.addConnected(1);
    });
    if (this.worker !== CHANGER_WORKER) return;
    this.changer = await this.driver.openSession("watch", { members, index: connections, root, sessionTimeoutMs });
    this.sessions.push(this.changer);
  }

  async run(range: LoadWindow): Promise<LoadReport> {
    const window = new SessionWindow(OPERATIONS, range);
    this.window = window;
    await sleepUntil(range.startMicros);
    const changing = this.changer === undefined ? this.shared.finished() : this.changeRepeatedly(this.changer, window);
    const used = await window.drained(changing.finally(() => this.shared.finish()));
    return {
      operations: this.finish(window),
      sendLag: undefined,
      ...used,
      checks: [this.watchOrder.report(), this.checkDelivery()],
      figures: {},
      disconnects: 0,
      sessionsLost: 0,
    };
  }

  endNow(drainMs: number): void {
    this.window?.endNow(drainMs);
  }

  async close(): Promise<void> {
    await Promise.all(this.sessions.map((session) => session.close()));
  }

  private finish(window: SessionWindow): LoadReport["operations"] {
    this.window = undefined;
    return window.finish();
  }

  private async changeRepeatedly(changer: WatchSession, window: SessionWindow): Promise<void> {
    const { sessionTimeoutMs, connections } = this.job;
    let startedMicros = nowMicros();
    const watchdog = setInterval(() => {
      if (nowMicros() - startedMicros > sessionTimeoutMs * 1_000) this.shared.giveUp();
    }, WATCHDOG_MS);
    try {
      while (!window.over) {
        startedMicros = nowMicros();
        this.shared.begin(startedMicros);
        const delivered = this.shared.delivered();
        try {
          this.shared.conclude(await changer.change(KEY));
        } catch (error) {
          this.shared.conclude(undefined);
          this.counters.fail();
          if (this.window !== window) return;
          window.recorder.failed(CHANGE, failureName(error), startedMicros, nowMicros());
          await sleep(UNCERTAIN_QUIET_MS);
          continue;
        }
        if (this.window !== window) return;
        window.recorder.succeeded(CHANGE, startedMicros, startedMicros, nowMicros());
        if (await delivered) continue;
        const untold = connections - this.shared.arrived;
        this.watchDelivery.violated(
          `${untold} of ${connections} watchers were not told of a change within ${sessionTimeoutMs} ms`,
        );
        return;
      }
    } finally {
      clearInterval(watchdog);
    }
  }

  private told(watcher: Watcher, order: number): void {
    const now = nowMicros();
    this.watchOrder.observations++;
    if (order < watcher.lastOrder) {
      this.watchOrder.violated(`watcher ${watcher.index} was told of ${order} after ${watcher.lastOrder}`);
    }
    // Told twice of one change: no change of its own, and no harm.
    if (order === watcher.lastOrder) return;
    watcher.lastOrder = Math.max(watcher.lastOrder, order);
    watcher.seen++;
    const startedMicros = this.shared.startedMicros;
    this.counters.complete(now - startedMicros);
    const { window } = this;
    window?.recorder.succeeded(DELIVER, startedMicros, startedMicros, now);
    if (this.shared.arrive() === this.job.connections) {
      window?.recorder.succeeded(DELIVER_LAST, startedMicros, startedMicros, now);
      this.shared.deliver();
    }
  }

  private checkDelivery(): CheckTally {
    const { certain, uncertain, lastOrder } = this.shared.changes;
    for (const watcher of this.watchers) {
      this.watchDelivery.observations += watcher.seen;
      if (watcher.seen < certain || watcher.seen > certain + uncertain) {
        this.watchDelivery.violated(
          `watcher ${watcher.index} was told of ${watcher.seen} changes, there were ${certain}`,
        );
      } else if (uncertain === 0 && certain > 0 && watcher.lastOrder !== lastOrder) {
        this.watchDelivery.violated(
          `watcher ${watcher.index} was last told of ${watcher.lastOrder}, the last change stands at ${lastOrder}`,
        );
      }
    }
    return this.watchDelivery.report();
  }
}
