import { findRedis } from "../redis/find.js";
import { redis } from "../redis/kind.js";
import { aptInstall } from "./apt.js";
import type { Tool } from "./tool.js";

export const redisTool: Tool = {
  name: "redis",
  title: "Redis",
  find: (places) => findRedis(places),
  isSatisfied: async ({ places }) => (await findRedis(places)).length > 0,
  install: (context) => aptInstall(context, ["redis-server"]),
  remedy: redis.remedy,
};
