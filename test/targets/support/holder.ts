import { targetKind } from "../../../src/targets/kinds.js";
import { startServers } from "../../../src/targets/process/managed-servers.js";
import type { TargetName } from "../../../src/targets/target.js";
import { startToxiproxy } from "../../../src/targets/toxiproxy.js";
import { fakePlan } from "./fake-server.js";

// node holder.js <fake|toxiproxy|core|zookeeper|etcd> <servers> <scratch parent> <how to end>: starts the servers, says
// so in one line of JSON, and then ends in the way asked for, or waits to be ended.

const [what, servers, scratchParent, end] = process.argv.slice(2);
const options = { servers: Number(servers), scratchParent: scratchParent! };

async function start(): Promise<{ readonly pids: readonly (number | undefined)[]; stop(): Promise<void> }> {
  if (what === "toxiproxy") {
    const server = await startToxiproxy(options);
    return { pids: [server.pid], stop: () => server.stop() };
  }
  const started =
    what === "fake" ? await startServers(fakePlan(), options) : await targetKind(what as TargetName).start(options);
  return { pids: started.members.map((member) => member.pid), stop: () => started.stop() };
}

const started = await start();
if (end === "interrupt") {
  // As the command line does it.
  process.once("SIGINT", () => void started.stop().then(() => process.exit(130)));
}
process.stdout.write(`${JSON.stringify({ pids: started.pids })}\n`, () => {
  if (end === "exit") process.exit(3);
  if (end === "throw") {
    setImmediate(() => {
      throw new Error("nobody catches this");
    });
  }
});
