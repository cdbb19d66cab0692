import type { Workload } from "./profile.js";

/** The operations a workload reports, by name. */
export function operationNames(workload: Workload): readonly string[] {
  switch (workload.kind) {
    case "mix":
      return Object.entries(workload.operations)
        .filter(([, weight]) => weight > 0)
        .map(([name]) => name);
    case "lock":
      return ["acquire", "hand-over", "release"];
    case "watch-fanout":
      return ["change", "deliver", "deliver-last"];
  }
}

/** Those that make up `total` and that costs are divided by; the others are parts or views of the same work. */
export function countedOperations(workload: Workload): readonly string[] {
  switch (workload.kind) {
    case "mix":
      return operationNames(workload);
    case "lock":
      return ["acquire"];
    case "watch-fanout":
      return ["deliver"];
  }
}
