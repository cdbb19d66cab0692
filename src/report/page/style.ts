/**
 * The page's style sheet. The colours of targets are from the palette of Okabe and Ito, which people with any of the
 * common colour deficiencies can tell apart; lines differ in their dashes as well.
 */
export const STYLE = `
:root {
  --paper: #ffffff; --panel: #f6f7f9; --ink: #16191d; --muted: #59616b; --line: #d9dde3; --grid: #e6e9ed;
  --bad: #b3261e; --bad-paper: #fdecea; --caution: #7a5200; --caution-paper: #fff5dc; --good: #1b6e3c;
  --fault: rgba(213, 94, 0, 0.10); --fault-edge: rgba(213, 94, 0, 0.6);
  --target-0: #0072b2; --target-1: #d55e00; --target-2: #009e73; --target-3: #aa4499; --target-4: #7a6a00; --target-5: #56606b;
  color-scheme: light dark;
}
@media (prefers-color-scheme: dark) {
  :root:not([data-scheme="light"]) {
    --paper: #14171b; --panel: #1c2026; --ink: #e8eaed; --muted: #a3abb5; --line: #353b43; --grid: #2a2f36;
    --bad: #ff8a80; --bad-paper: #3a1d1c; --caution: #f2c14e; --caution-paper: #332a14; --good: #6fce93;
    --fault: rgba(230, 159, 0, 0.16); --fault-edge: rgba(230, 159, 0, 0.7);
    --target-0: #56b4e9; --target-1: #e69f00; --target-2: #2fc79a; --target-3: #e69ad0; --target-4: #f0e442; --target-5: #b6bec8;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1200px; margin: 0 auto; padding: 28px 20px 64px; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 4px; letter-spacing: -0.01em; }
h2 { font-size: 1.2rem; margin: 44px 0 12px; padding-top: 14px; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 22px 0 8px; }
p { margin: 0 0 10px; max-width: 82ch; }
.note { max-width: 110ch; }
.lead { color: var(--muted); margin-bottom: 14px; }
.facts { display: flex; flex-wrap: wrap; gap: 4px 22px; margin: 0 0 8px; padding: 0; list-style: none; font-size: 0.9rem; }
.facts b { font-weight: 600; }
.muted, figcaption, output, .note { color: var(--muted); font-size: 0.875rem; }
.notice { border-left: 5px solid var(--caution); background: var(--caution-paper); padding: 12px 16px; margin: 12px 0; border-radius: 4px; }
.notice.bad { border-color: var(--bad); background: var(--bad-paper); }
.notice strong { display: block; font-size: 1.15rem; color: var(--caution); }
.notice.bad strong { color: var(--bad); }
.notice p { margin: 0; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 255px), 1fr)); gap: 14px; margin: 14px 0; }
.card { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: 16px 18px; }
.card h3 { margin: 0; font-size: 0.95rem; }
.card .figure { font-size: 2.3rem; font-weight: 650; line-height: 1.15; letter-spacing: -0.02em; font-variant-numeric: tabular-nums; }
.card .figure.none { font-size: 1.3rem; color: var(--caution); padding: 0.5rem 0; }
.card ul { margin: 8px 0 0; padding-left: 16px; font-size: 0.875rem; }
.card li { margin-bottom: 3px; }
.scroll { overflow-x: auto; margin: 0 0 10px; }
table { border-collapse: collapse; width: 100%; font-size: 0.85rem; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 8px; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; vertical-align: top; }
th { font-weight: 600; }
thead th { color: var(--muted); border-bottom: 2px solid var(--line); vertical-align: bottom; }
tbody th[scope="row"] { position: sticky; left: 0; background: var(--paper); }
.text { text-align: left; }
.wide { text-align: left; white-space: normal; min-width: 18ch; }
tbody tr.group th { text-align: left; background: var(--panel); font-size: 0.9rem; }
.unit { display: block; font-weight: 400; font-size: 0.78rem; }
.interval { display: block; }
.interval .one { stroke: var(--muted); stroke-dasharray: 2 2; }
.interval .bounds { stroke: var(--ink); stroke-width: 3; } .interval .range { stroke: var(--muted); }
.interval circle { fill: var(--ink); }
.lacking { color: var(--muted); font-style: italic; }
.verdict { font-weight: 650; }
.verdict.valid { color: var(--good); } .verdict.invalid { color: var(--bad); } .verdict.unknown { color: var(--caution); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 20px; margin: 0 0 6px; padding: 0; list-style: none; font-size: 0.875rem; }
.legend li, .target { display: inline-flex; align-items: center; gap: 7px; }
.legend svg, .target svg { flex: none; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 460px), 1fr)); gap: 8px 22px; }
.charts .full { grid-column: 1 / -1; }
figure { margin: 0; min-width: 0; break-inside: avoid; }
figcaption { font-weight: 600; color: var(--ink); }
.plot { min-height: 220px; width: 100%; }
output { display: block; min-height: 1.4em; overflow-wrap: anywhere; }
details { margin: 8px 0; }
summary { cursor: pointer; font-weight: 600; }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: 12px 14px; overflow-x: auto; font: 0.85rem/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 3px 18px; margin: 0 0 10px; font-size: 0.9rem; }
dt { color: var(--muted); } dd { margin: 0; overflow-wrap: anywhere; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 330px), 1fr)); gap: 0 32px; }
@media (max-width: 600px) {
  main { padding: 18px 14px 48px; }
  h1 { font-size: 1.4rem; }
  th, td { padding: 5px 7px; }
}
@media print {
  main { max-width: none; padding: 0; }
  .scroll { overflow: visible; } table { font-size: 0.7rem; } th, td { padding: 3px 5px; }
  output { display: none; }
  .notice, .card, tr { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
}
`;
