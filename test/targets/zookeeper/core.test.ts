import { core } from "../../../src/targets/core/kind.js";
import { describeDriver } from "../../support/driver-suite.js";

describeDriver({ title: "the core", remedy: core.remedy, start: () => core.start({ servers: 1 }) });
