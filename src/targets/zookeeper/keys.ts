// Names of the keys of a load: fixed width, so that a number can be written into a frame encoded before.

import { FLAT, type TreeShape } from "../driver.js";

export const KEY_DIGITS = 8;
export const KEYS_MAX = 10 ** KEY_DIGITS;
export const CREATED_DIGITS = 10;
const FOLDER_DIGITS = 3;
/** "/f" and the digits. */
const FOLDER_CHARACTERS = FOLDER_DIGITS + 2;
/** "/k" and the digits. */
export const KEY_CHARACTERS = KEY_DIGITS + 2;
export const FAN_OUT_MAX = 10 ** FOLDER_DIGITS;

export function keyPath(root: string, key: number, tree: TreeShape = FLAT): string {
  return `${folderPath(root, key, tree)}/k${padded(key, KEY_DIGITS)}`;
}

/** The folder that holds key number `key`: the root itself where the tree is flat. */
export function folderPath(root: string, key: number, tree: TreeShape): string {
  const names: string[] = [];
  for (let level = 0, rest = key; level < tree.depth; level++) {
    names.unshift(`/f${padded(rest % tree.fanOut, FOLDER_DIGITS)}`);
    rest = Math.floor(rest / tree.fanOut);
  }
  return root + names.join("");
}

/** Every folder below the root, those further up first; a level at a time. */
export function folderLevels(root: string, { depth, fanOut }: TreeShape): string[][] {
  const levels: string[][] = [];
  for (let level = 1; level <= depth; level++) {
    const shape = { depth: level, fanOut };
    levels.push(Array.from({ length: fanOut ** level }, (_, folder) => folderPath(root, folder, shape)));
  }
  return levels;
}

/** Writes the folder of key number `key` into a path whose folders end before `end`. */
export function patchFolders(bytes: Buffer, end: number, key: number, tree: TreeShape): void {
  let rest = key;
  for (let level = 0; level < tree.depth; level++) {
    const above = Math.floor(rest / tree.fanOut);
    patchDigits(bytes, end - level * FOLDER_CHARACTERS, FOLDER_DIGITS, rest - above * tree.fanOut);
    rest = above;
  }
}

/** Writes the decimal digits of `value` so that the last of `digits` stands before `end`. */
export function patchDigits(bytes: Buffer, end: number, digits: number, value: number): void {
  let rest = value;
  for (let at = end - 1; at >= end - digits; at--) {
    const tens = Math.floor(rest / 10);
    bytes[at] = 0x30 + (rest - tens * 10);
    rest = tens;
  }
}

/** The number whose decimal digits stand before `end`. */
export function digitsBefore(bytes: Buffer, end: number, digits: number): number {
  let value = 0;
  for (let at = end - digits; at < end; at++) value = value * 10 + (bytes[at] as number) - 0x30;
  return value;
}

function padded(value: number, digits: number): string {
  return String(value).padStart(digits, "0");
}
