"""
How the pages look: one style sheet, which stands in each page.  A browser takes it
by its hash, so that no other style can come in.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

#: The style sheet.
STYLE = """
:root {
  color-scheme: light dark;
  --ground: #f6f6f3; --card: #fff; --ink: #20272b; --faint: #5c676e;
  --line: #e2e3de; --soft: #eeefeb;
  --one: #2c6e91; --two: #6d9d4c; --bad: #b0482a; --good: #2d7a4e;
  --onesoft: #dbe8ef; --badsoft: #f6e3dc; --goodsoft: #ddeee3;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #12171a; --card: #1a2024; --ink: #e3e8ea; --faint: #98a5ad;
    --line: #2c353a; --soft: #222a2f;
    --one: #6cb2d4; --two: #9cc97c; --bad: #e38e6c; --good: #76c596;
    --onesoft: #1f3440; --badsoft: #3d2820; --goodsoft: #1e3528;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 76rem; padding: 1.25rem 1rem 3rem;
  background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans",
    sans-serif;
  font-variant-numeric: tabular-nums;
}
a { color: var(--one); text-underline-offset: .2em; }
a:focus-visible, summary:focus-visible { outline: 2px solid var(--one);
  outline-offset: 2px; }
h1 { font-size: 1.45rem; line-height: 1.25; margin: 0; font-weight: 600;
  overflow-wrap: anywhere; }
h2 { font-size: 1rem; margin: 0 0 .6rem; font-weight: 600; }
header { display: flex; flex-wrap: wrap; gap: .5rem 1.25rem; align-items: center;
  margin-bottom: 1.25rem; }
header p { margin: 0; }
.badge { display: inline-block; padding: .15rem .7rem; border-radius: 1rem;
  font-weight: 600; font-size: .9rem; }
.badge.good { background: var(--goodsoft); color: var(--good); }
.badge.bad { background: var(--badsoft); color: var(--bad); }
.faint { color: var(--faint); }
nav { margin-left: auto; color: var(--faint); font-size: .9rem; }
nav a, nav span { margin-left: .5rem; }
nav [aria-current] { color: var(--ink); font-weight: 600; text-decoration: none; }
.alarm { background: var(--badsoft); color: var(--bad); border-radius: .6rem;
  padding: .7rem 1rem; margin: 0 0 1rem; }
.alarm ul { margin: .2rem 0 0; padding-left: 1.2rem; }
.tiles { display: grid; gap: .75rem; margin: 0 0 .75rem; padding: 0;
  grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); }
.tiles div, section {
  background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
}
.tiles div { padding: .7rem .9rem; display: flex; flex-direction: column-reverse;
  justify-content: flex-end; }
.tiles dt { color: var(--faint); font-size: .85rem; }
.tiles dd { margin: 0; font-size: 1.55rem; line-height: 1.25; font-weight: 600; }
.tiles dd small { font-size: .85rem; font-weight: 400; color: var(--faint); }
.grid { display: grid; gap: .75rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr)); }
section { padding: .9rem 1rem 1rem; min-width: 0; }
section.wide { grid-column: 1 / -1; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
caption { text-align: left; color: var(--faint); font-size: .85rem;
  padding-bottom: .3rem; }
th, td { text-align: left; padding: .3rem .75rem .3rem 0; vertical-align: baseline;
  border-top: 1px solid var(--soft); }
thead th { color: var(--faint); font-weight: 500; font-size: .85rem; border-top: 0;
  white-space: nowrap; }
tbody th { font-weight: 400; }
th:last-child, td:last-child { padding-right: 0; }
th.number, td.number { text-align: right; white-space: nowrap;
  padding-right: 1.4rem; }
th.number:last-child, td.number:last-child { padding-right: 0; }
.problem { color: var(--bad); font-size: .9em; }
.pair + .scroll, .pair + .none, .scroll + .none, .scroll + .scroll {
  margin-top: .9rem; }
td, time { white-space: nowrap; }
td.said, th.said { white-space: normal; overflow-wrap: anywhere; min-width: 8rem; }
td.bar { width: 30%; min-width: 4rem; }
td.bar svg { display: block; width: 100%; height: .6rem; }
td bdi { display: inline-block; min-width: 6rem; max-width: 22rem;
  white-space: normal; overflow-wrap: anywhere; }
code, .mono { font-family: ui-monospace, "SF Mono", Menlo, Consolas,
  "DejaVu Sans Mono", monospace; font-size: .92em; }
dl.facts { display: grid; grid-template-columns: max-content 1fr;
  gap: .3rem 1rem; margin: 0; }
dl.facts dt { color: var(--faint); }
dl.facts dd { margin: 0; overflow-wrap: anywhere; }
.none { color: var(--faint); margin: 0; }
.pair { display: grid; gap: 1rem 1.5rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); }
figure { margin: 0; min-width: 0; }
figcaption { display: flex; justify-content: space-between; gap: 1rem;
  color: var(--faint); font-size: .85rem; margin-bottom: .2rem; }
.plot { display: block; width: 100%; height: 6.5rem; overflow: visible; }
.axis { display: flex; justify-content: space-between; color: var(--faint);
  font-size: .8rem; margin-top: .15rem; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; margin: 0 0 .5rem;
  font-size: .88rem; color: var(--faint); }
.legend span::before { content: ""; display: inline-block; width: .7rem;
  height: .7rem; border-radius: .15rem; margin-right: .4rem; }
.legend .one::before { background: var(--one); }
.legend .two::before { background: var(--two); }
.legend .bad::before { background: var(--bad); }
svg .one { fill: var(--one); } svg .two { fill: var(--two); }
svg .bad { fill: var(--bad); }
svg .onesoft { fill: var(--onesoft); }
svg .onestroke { fill: none; stroke: var(--one); }
svg .twostroke { fill: none; stroke: var(--two); }
svg .badstroke { fill: none; stroke: var(--bad); }
svg .rule { stroke: var(--line); } svg .soft { fill: var(--soft); }
svg g rect:hover { opacity: .7; }
svg path, svg line { vector-effect: non-scaling-stroke; }
.stack { display: grid; gap: .75rem; grid-template-columns: minmax(0, 1fr); }
.sides { display: flex; justify-content: space-between; margin: 0 0 .3rem 6rem;
  color: var(--faint); font-size: .85rem; }
.ladder { list-style: none; margin: 0; padding: 0; }
.ladder li { display: grid; grid-template-columns: 5rem minmax(0, 1fr);
  gap: 0 1rem; }
.ladder .at { color: var(--faint); font-size: .8rem; text-align: right;
  padding-top: .55rem; }
.ladder .at small { display: block; }
.ladder .rung { border: solid var(--line); border-width: 0 2px; padding: .5rem .8rem;
  min-width: 0; }
.ladder .secured .rung { border-color: var(--one); background: var(--onesoft); }
.ladder .short .rung { padding-top: 1.1rem; }
.ladder .some .rung { padding-top: 1.9rem; }
.ladder .long .rung { padding-top: 3rem; }
.ladder .short .at { padding-top: 1.15rem; } .ladder .some .at { padding-top: 1.95rem; }
.ladder .long .at { padding-top: 3.05rem; }
.ladder p { margin: 0; font-size: .82rem; overflow-wrap: anywhere; }
.ladder code { display: block; white-space: pre-wrap; overflow-wrap: anywhere; }
.ladder .server .rung { text-align: right; }
.ladder .server .lines { display: inline-block; text-align: left; max-width: 100%; }
.ladder .handshake .rung { text-align: center; border-color: var(--one); }
.ladder .handshake p { display: inline-block; padding: .2rem .8rem;
  border-radius: 1rem; background: var(--goodsoft); color: var(--good); }
.ladder .bad p, .ladder .remark p { background: var(--badsoft); color: var(--bad);
  border-radius: .4rem; padding: .2rem .8rem; }
.arrow { display: flex; align-items: center; color: var(--ink); height: .8rem; }
.arrow .shaft { flex: 1; height: 10px; min-width: 0; }
.arrow .shaft line { stroke: currentColor; }
.arrow .head { width: 12px; height: 10px; fill: currentColor; flex: none; }
.ladder .server .arrow { color: var(--two); }
.ladder .client .arrow { color: var(--one); }
footer { margin-top: 1.25rem; color: var(--faint); font-size: .88rem;
  display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; }
@media (max-width: 30rem) {
  body { padding: 1rem .6rem 2rem; font-size: 14px; }
  section { padding: .75rem .75rem .85rem; }
  .tiles { grid-template-columns: 1fr 1fr; gap: .5rem; }
  .tiles dd { font-size: 1.3rem; }
  .ladder li { grid-template-columns: 3.2rem minmax(0, 1fr); gap: 0 .5rem; }
  .ladder .rung { padding-left: .5rem; padding-right: .5rem; }
  .sides { margin-left: 3.7rem; }
  nav { margin-left: 0; } nav a:first-child, nav span:first-child { margin-left: 0; }
}
"""

#: What the policy of a page allows (C{style-src}).
STYLE_HASH = "sha256-" + b64encode(sha256(STYLE.encode("utf-8")).digest()).decode()
