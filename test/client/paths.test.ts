import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Chroot, joinPath, parentOf, pathProblem } from "../../src/client/paths.js";

describe("paths", () => {
  it("that are fine", () => {
    for (const path of ["/", "/a", "/a/b", "/a.b", "/..a", "/a...", "/ü ✓", "/퟿豈"])
      assert.equal(pathProblem(path), undefined);
  });

  it("that the service refuses", () => {
    for (const path of [
      "",
      "a",
      "/a/",
      "//",
      "/a//b",
      "/.",
      "/a/../b",
      "/a/.",
      "/\u0000",
      "/a\u001f",
      "/\u007f",
      "/\ud800",
      "/\uf8ff",
      "/\ufff0",
    ]) {
      assert.notEqual(pathProblem(path), undefined, JSON.stringify(path));
    }
  });

  it("have parents and children", () => {
    assert.deepEqual(["/a/b", "/a", "/"].map(parentOf), ["/a", "/", "/"]);
    assert.deepEqual([joinPath("/", "a"), joinPath("/a", "b")], ["/a", "/a/b"]);
  });

  it("are mapped below a chroot and back", () => {
    const chroot = new Chroot("/app");
    for (const path of ["/", "/a", "/a/b"]) assert.equal(chroot.toClient(chroot.toServer(path)), path);
    assert.equal(chroot.toServer("/"), "/app");
    assert.equal(chroot.toServer("/a"), "/app/a");
    assert.equal(chroot.toClient("/apple"), "/apple");
    assert.equal(new Chroot("").toServer("/"), "/");
  });
});
