import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { type Browser, chromium } from "playwright-core";
import { renderPage } from "../../src/report/page/page.js";
import { haveReal } from "../support/real.js";
import { insufficient, interrupted, leaderKill, threeTargets } from "../support/results.js";

const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) =>
  existsSync(path),
);

let folder = "";
let browser: Browser | undefined;
before(() => {
  folder = mkdtempSync(join(tmpdir(), "zabench-page-"));
});
after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

/**
 * Evaluated in the page: for each chart, how many pixels of its canvas are not blank, and whether one of them has the
 * colour of a target. Reads a copy, since reading a canvas makes the browser draw it in another way.
 */
const INSPECT = `(() => {
  const style = getComputedStyle(document.documentElement);
  const colours = [0, 1, 2].map((target) => Number.parseInt(style.getPropertyValue("--target-" + target).trim().slice(1), 16));
  return [...document.querySelectorAll("[data-chart]")].map((figure) => {
    const canvas = figure.querySelector("canvas");
    const copy = document.createElement("canvas");
    [copy.width, copy.height] = [canvas.width, canvas.height];
    const context = copy.getContext("2d", { willReadFrequently: true });
    context.drawImage(canvas, 0, 0);
    const { data } = context.getImageData(0, 0, copy.width, copy.height);
    let drawn = 0;
    let coloured = false;
    for (let index = 0; index < data.length; index += 4) {
      if (data[index + 3] !== 0) drawn++;
      coloured ||= colours.includes((data[index] << 16) | (data[index + 1] << 8) | data[index + 2]);
    }
    return { chart: figure.dataset.chart, drawn, coloured };
  });
})()`;

interface Inspected {
  readonly chart: string;
  readonly drawn: number;
  readonly coloured: boolean;
}

const RESULTS = { threeTargets, leaderKill, interrupted, insufficient };
const SCREENS = [
  { colorScheme: "light", viewport: { width: 1280, height: 900 } },
  { colorScheme: "dark", viewport: { width: 390, height: 800 } },
] as const;

for (const [name, make] of Object.entries(RESULTS)) {
  for (const screen of SCREENS) {
    test(`the page of ${name} draws its charts, ${screen.colorScheme}, ${screen.viewport.width} wide`, async (context) => {
      if (!haveReal(context, CHROMIUM !== undefined, "chromium", "apt-get install chromium")) return;
      browser ??= await chromium.launch({
        executablePath: CHROMIUM as string,
        args: ["--no-sandbox"],
        timeout: 30_000,
      });
      const file = join(folder, `${name}.html`);
      writeFileSync(file, renderPage(make()));
      const page = await browser.newPage(screen);
      const problems: string[] = [];
      page.on("console", (message) => problems.push(`console: ${message.text()}`));
      page.on("pageerror", (error) => problems.push(`error: ${error.message}`));
      page.on("request", (request) => {
        if (request.url() !== pathToFileURL(file).href && request.url() !== "data:,")
          problems.push(`request: ${request.url()}`);
      });
      await page.goto(pathToFileURL(file).href, { waitUntil: "load", timeout: 30_000 });
      await page.waitForFunction(
        `[...document.querySelectorAll("[data-chart]")].every((figure) => figure.querySelector("canvas"))`,
      );
      const charts = (await page.evaluate(INSPECT)) as readonly Inspected[];
      assert.ok(charts.length > 0);
      for (const { chart, drawn, coloured } of charts) {
        assert.ok(drawn > 1_000, `${chart} has ${drawn} pixels`);
        assert.ok(coloured, `${chart} has no line in the colour of a target`);
      }
      const overflow = await page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth",
      );
      assert.equal(overflow, 0, "the page scrolls sideways");
      assert.deepEqual(problems, []);
      await page.close();
    });
  }
}

test("the values under the pointer are read out", async (context) => {
  if (!haveReal(context, CHROMIUM !== undefined, "chromium", "apt-get install chromium")) return;
  browser ??= await chromium.launch({ executablePath: CHROMIUM as string, args: ["--no-sandbox"], timeout: 30_000 });
  const file = join(folder, "pointer.html");
  writeFileSync(file, renderPage(threeTargets()));
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  await page.goto(pathToFileURL(file).href);
  await page.locator("[data-chart] .u-over").first().hover({ timeout: 30_000 });
  const text = await page.locator("[data-chart] output").first().textContent();
  assert.match(text ?? "", /^second \d+ +· +core: [\d.]+k, .* · +zookeeper: /);
  await page.close();
});
