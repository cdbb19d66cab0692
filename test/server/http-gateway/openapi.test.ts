import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { OPENAPI } from "../../../src/server/http-gateway/openapi.js";
import { ROUTES } from "../../../src/server/http-gateway/routes.js";
import { serveGateway } from "./support.js";

function references(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => (key === "$ref" ? [String(inner)] : references(inner)));
}

describe("the description of the gateway", () => {
  it("has every route with every method, and no other", () => {
    const routed = ROUTES.flatMap(({ template, methods }) =>
      Object.keys(methods).map((method) => `${method} ${template}`),
    );
    const described = Object.entries(OPENAPI.paths).flatMap(([template, item]) =>
      Object.keys(item).map((method) => `${method.toUpperCase()} ${template}`),
    );
    assert.deepEqual(described.sort(), routed.sort());
  });

  it("names each operation once, and each parameter of a path", () => {
    const operations = Object.entries(OPENAPI.paths).flatMap(([template, item]) =>
      Object.values(item).map((operation) => ({ template, operation })),
    );
    assert.equal(new Set(operations.map(({ operation }) => operation.operationId)).size, operations.length);
    for (const { template, operation } of operations) {
      const inPath = (operation.parameters ?? [])
        .filter((parameter) => parameter.in === "path")
        .map(({ name }) => name);
      assert.deepEqual(
        inPath,
        [...template.matchAll(/\{(\w+)\}/g)].map(([, name]) => name),
        operation.operationId,
      );
    }
  });

  it("refers to schemas that are there", () => {
    for (const reference of references(OPENAPI)) {
      assert.ok(Object.hasOwn(OPENAPI.components.schemas, reference.replace("#/components/schemas/", "")), reference);
    }
  });

  it("is served", async (context) => {
    const { url } = await serveGateway(context);
    const answer = await fetch(`${url}/openapi.json`);
    assert.equal(answer.headers.get("content-type"), "application/json");
    assert.deepEqual(await answer.json(), JSON.parse(JSON.stringify(OPENAPI)));
  });
});
