import { startNullServer } from "./null-server.js";

// A null server in a process of its own: prints its port, and ends with its standard input.
const server = await startNullServer();
process.stdout.write(`${server.port}\n`);
process.stdin.resume();
process.stdin.on("end", () => void server.close());
