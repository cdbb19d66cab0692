import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

// A server that forgets to sync: `node --import <this file> <server>` makes fdatasync do nothing, in its threads too,
// because they inherit the option. A durability test that does not notice is worth nothing.

Object.assign(fs, {
  fdatasyncSync: (): void => undefined,
  fdatasync: (_descriptor: number, callback: (error: null) => void): void => {
    setImmediate(callback, null);
  },
});
syncBuiltinESMExports();
