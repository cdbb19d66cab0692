import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { SyncTrace } from "../support/sync-trace.js";
import { temporaryFolder } from "../support/temporary.js";

/** Runs a trace over a folder where `f` has the 20 bytes `now`, and before it `durable` times the byte `before`; cuts it. */
function cut(
  context: TestContext,
  durable: number | undefined,
  lines: (path: string) => string[],
  { before = "\0", now = "x".repeat(20) } = {},
) {
  const folder = temporaryFolder(context);
  const path = join(folder, "f");
  if (durable !== undefined) writeFileSync(path, before.repeat(durable));
  const trace = new SyncTrace(folder);
  writeFileSync(path, now);
  for (const line of lines(path)) trace.line(line);
  trace.cut();
  return existsSync(path) ? readFileSync(path, "latin1").replaceAll("\0", "0") : undefined;
}

const open = (path: string, flags = "") =>
  `7 openat(AT_FDCWD</>, "${path}", O_WRONLY|O_CREAT${flags}, 0666) = 5<${path}>`;

test("a new file that was never synced is lost; one that was synced keeps what was written before", (context) => {
  assert.equal(
    cut(context, undefined, (f) => [open(f), `7 write(5<${f}>, ""..., 20) = 20`]),
    undefined,
  );
  const synced = (f: string) => [
    open(f),
    `7 write(5<${f}>, ""..., 12) = 12`,
    `7 fsync(5<${f}>)             = 0`,
    `7 write(5<${f}>, ""..., 8) = 8`,
  ];
  assert.equal(cut(context, undefined, synced), "x".repeat(12));
});

test("within a durable length, what was not synced reads as zeros", (context) => {
  const lines = (f: string) => [
    open(f),
    `7 pwrite64(5<${f}>, ""..., 5, 3) = 5`,
    `7 fdatasync(5<${f}>) = 0`,
    `7 pwritev(5<${f}>, [...], 2, 8) = 4`,
  ];
  assert.equal(cut(context, 20, lines), `${"x".repeat(8)}0000${"x".repeat(8)}`);
});

test("a sync covers what was written before it began, not what was written while it ran", (context) => {
  const lines = (f: string) => [
    open(f),
    `7 pwrite64(5<${f}>, ""..., 4, 0) = 4`,
    `8 fdatasync(5<${f}> <unfinished ...>`,
    `7 pwrite64(5<${f}>, ""..., 4, 4) = 4`,
    `8 <... fdatasync resumed>)        = 0`,
  ];
  assert.equal(cut(context, 20, lines), `xxxx0000${"x".repeat(12)}`);
});

test("a sync that failed or never returned covers nothing; a write that never returned may have written all", (context) => {
  for (const sync of ["= -1 EIO (Input/output error)", "<unfinished ...>"]) {
    const lines = (f: string) => [
      open(f),
      `7 pwrite64(5<${f}>, ""..., 4, 2) = 4`,
      `8 fdatasync(5<${f}>${sync.startsWith("=") ? `) ${sync}` : ` ${sync}`}`,
    ];
    assert.equal(cut(context, 20, lines), `xx0000${"x".repeat(14)}`);
  }
  for (const end of [" <unfinished ...>", " <detached ...>", ")  = ?", " <unfinished ...>) = ?"]) {
    const lines = (f: string) => [open(f), `7 pwritev(5<${f}>, [...], 2, 9${end}`];
    assert.equal(cut(context, 20, lines), `${"x".repeat(9)}${"0".repeat(11)}`, end);
  }
});

test("a size is durable once it was synced; a shorter one at once", (context) => {
  const grow = (f: string) => [open(f), `7 ftruncate(5<${f}>, 20) = 0`];
  assert.equal(cut(context, 6, grow), "x".repeat(6));
  assert.equal(
    cut(context, 6, (f) => [...grow(f), `7 fdatasync(5<${f}>) = 0`]),
    "x".repeat(20),
  );
  assert.equal(
    cut(context, 20, (f) => [open(f), `7 ftruncate(5<${f}>, 7) = 0`]),
    "x".repeat(7),
  );
  assert.equal(
    cut(context, 20, (f) => [open(f, "|O_TRUNC")]),
    "",
  );
});

test("positions follow writes and seeks, and appends go to the end", (context) => {
  const seeking = (f: string) => [
    open(f),
    `7 write(5<${f}>, ""..., 2) = 2`,
    `7 fsync(5<${f}>) = 0`,
    `7 lseek(5<${f}>, 10, SEEK_SET) = 10`,
    `7 write(5<${f}>, ""..., 3) = 3`,
  ];
  assert.equal(cut(context, 20, seeking), `${"x".repeat(10)}000${"x".repeat(7)}`);
  const appending = (f: string) => [open(f, "|O_APPEND"), `7 write(5<${f}>, ""..., 6) = 6`];
  assert.equal(cut(context, 14, appending), "x".repeat(14));
});

test("a file keeps its history under a new name, and other files are nobody's business", (context) => {
  const lines = (f: string) => [
    open(`${f}.tmp`),
    `7 write(5<${f}.tmp>, ""..., 8) = 8`,
    `7 fsync(5<${f}.tmp>) = 0`,
    `7 rename("${f}.tmp", "${f}") = 0`,
    `7 fsync(6<${dirname(f)}>) = 0`,
    `7 write(5<${f}>, ""..., 4) = 4`,
    `7 openat(AT_FDCWD</>, "/etc/hosts", O_RDONLY) = 5</etc/hosts>`,
    `7 write(9<socket:[123]>, ""..., 4) = 4`,
    "7 +++ killed by SIGKILL +++",
  ];
  assert.equal(cut(context, undefined, lines), "x".repeat(8));
  assert.equal(
    cut(context, 20, (f) => [`7 unlink("${f}") = 0`]),
    "x".repeat(20),
  );
});

test("a small file that is written over in place has its old text back, or the new one once that was synced", (context) => {
  const write = '"a\\n\\\\\\"\\0012", 6, 4';
  const written = `oooo${'a\n\\"\x012'}${"o".repeat(10)}`;
  const files = { before: "o", now: written };
  const over = (f: string) => [open(f), `7 pwrite64(5<${f}>, ${write}) = 6`];
  assert.equal(cut(context, 20, over, files), "o".repeat(20));
  assert.equal(
    cut(context, 20, (f) => [open(f), `7 pwrite64(5<${f}>, ${write} <unfinished ...>`], files),
    "o".repeat(20),
  );
  const again = (f: string) => [...over(f), `7 fdatasync(5<${f}>) = 0`, `7 pwrite64(5<${f}>, "zzz", 3, 5) = 3`];
  assert.equal(cut(context, 20, again, { before: "o", now: "z".repeat(20) }), `zzzzz\n\\"${"z".repeat(12)}`);
});

test("a new name is lost until the folder was synced after it", (context) => {
  const renamed = (f: string, ...between: string[]) => [
    open(`${f}.tmp`),
    `7 write(5<${f}.tmp>, ""..., 8) = 8`,
    `7 fsync(5<${f}.tmp>) = 0`,
    ...between,
    `7 rename("${f}.tmp", "${f}") = 0`,
  ];
  const sync = (f: string) => `7 fsync(6<${dirname(f)}>) = 0`;
  assert.equal(
    cut(context, undefined, (f) => renamed(f)),
    undefined,
  );
  assert.equal(
    cut(context, undefined, (f) => renamed(f, sync(f))),
    undefined,
  );
  assert.equal(
    cut(context, undefined, (f) => [...renamed(f), `8 fsync(6<${dirname(f)}> <unfinished ...>`]),
    undefined,
  );
  assert.equal(
    cut(context, undefined, (f) => [...renamed(f), sync(f)]),
    "x".repeat(8),
  );
});
