import type { TargetDriver } from "../../targets/driver.js";
import { createLoad } from "../workloads/loads.js";
import { createDriver } from "./driver-source.js";
import { failureName } from "./failure.js";
import type { Load, LoadJob, SecondSink } from "./load.js";
import type { LoadCommand, LoadNews, LoadReply, LoadTask } from "./load-messages.js";
import { populatedSizes } from "./value-sizes.js";

/** The thread side of a load worker, run by piscina: one task for the whole run. */
export default function serveLoad(task: LoadTask): Promise<void> {
  return new Promise((resolve) => {
    const worker = new LoadWorker(task, resolve);
    task.port.on("message", (command: LoadCommand) => void worker.obey(command));
  });
}

class LoadWorker {
  private readonly task: LoadTask;
  private readonly exit: () => void;
  private load: Load | undefined;
  private driver: TargetDriver | undefined;

  constructor(task: LoadTask, exit: () => void) {
    this.task = task;
    this.exit = exit;
  }

  async obey(command: LoadCommand): Promise<void> {
    try {
      const reply = await this.execute(command);
      if (reply !== undefined) this.task.port.postMessage(reply);
    } catch (error) {
      const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
      const reply: LoadReply = {
        kind: "failed",
        command: command.kind,
        error: { name, message, stack, failure: failureName(error) },
      };
      this.task.port.postMessage(reply);
    }
  }

  private async execute(command: LoadCommand): Promise<LoadReply | undefined> {
    switch (command.kind) {
      case "populate":
      case "remove":
        await prepare(command.kind, command.job);
        return { kind: "prepared" };
      case "open":
        this.driver = await createDriver(command.job.driver);
        this.load = createLoad(command.job, this.driver, this.task.worker);
        await this.load.open();
        return { kind: "opened" };
      case "run": {
        if (this.load === undefined) throw new Error("run before open");
        const onSecond: SecondSink = (batch) => {
          this.task.port.postMessage({ kind: "second", batch } satisfies LoadNews);
        };
        return { kind: "ran", report: await this.load.run({ ...command.span, onSecond }) };
      }
      case "endNow":
        this.load?.endNow(command.drainMs);
        return undefined;
      case "close":
        await this.load?.close();
        await this.driver?.close();
        this.load = undefined;
        this.driver = undefined;
        return { kind: "closed" };
      case "exit":
        this.task.port.close();
        this.exit();
        return undefined;
    }
  }
}

async function prepare(step: "populate" | "remove", job: LoadJob): Promise<void> {
  const driver = await createDriver(job.driver);
  try {
    if (step === "remove") await driver.remove(job.root);
    else await driver.populate(job.root, job.keys, populatedSizes(job.valueSizes, job.seed), job.tree);
  } finally {
    await driver.close();
  }
}
