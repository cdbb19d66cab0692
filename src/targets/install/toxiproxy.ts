import { findToxiproxy } from "../toxiproxy.js";
import { type GoProgram, installGoProgram } from "./go.js";
import type { Tool } from "./tool.js";

const PROGRAM: GoProgram = {
  tool: "toxiproxy",
  module: "github.com/Shopify/toxiproxy/v2",
  package: "github.com/Shopify/toxiproxy/v2/cmd/server",
  program: "toxiproxy-server",
  knownGoodVersion: "v2.5.0",
  versionVariable: "github.com/Shopify/toxiproxy/v2.Version",
  trial: ["-version"],
};

export const toxiproxyTool: Tool = {
  name: "toxiproxy",
  title: "Toxiproxy",
  find: async (places) => findToxiproxy(places),
  isSatisfied: async ({ places }) => findToxiproxy(places).length > 0,
  install: (context) => installGoProgram(context, PROGRAM),
  remedy: "run 'zabench targets install toxiproxy' with Go installed, or as root on Debian",
};
