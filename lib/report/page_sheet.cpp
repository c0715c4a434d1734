#include "report/page_sheet.hpp"

namespace fluxsbi::report {

namespace {

// Colours of text have 4.5:1 at least against their ground in both schemes (WCAG 2, AA). A raw string must
// hold neither < nor &, so that the page is well-formed XML.
// Folds are open on paper where the browser knows how.
constexpr std::string_view sheet =
    R"(:root{color-scheme:light dark;--ink:#202124;--soft:#5a6067;--line:#d5d9de;
--ground:#fff;--card:#f6f8fa;--link:#1a56b0;--good:#0b6b3a;--bad:#b3261e;--unsure:#775200}
@media screen and (prefers-color-scheme:dark){:root{--ink:#e6e9ed;--soft:#a7adb5;--line:#353b42;
--ground:#15181c;--card:#1c2026;--link:#8ab8f5;--good:#6dd19b;--bad:#ff9a90;--unsure:#f0c36a}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",Arial,sans-serif;
overflow-wrap:anywhere}
main,header,nav{max-width:70rem;margin:0 auto;padding:0 1rem}
header{padding-top:1.5rem}
main{padding-bottom:4rem}
h1{font-size:1.7rem;line-height:1.25;margin:0 0 .25rem}
h2{font-size:1.3rem;margin:2.5rem 0 .5rem;padding-top:.75rem;border-top:1px solid var(--line)}
h3{font-size:1.05rem;margin:1.5rem 0 .5rem}
p{margin:.5rem 0;max-width:46rem}
a{color:var(--link)}
.soft{color:var(--soft)}
.skip{position:absolute;left:-99rem}
.skip:focus{left:1rem;top:.5rem;background:var(--ground);padding:.5rem}
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:.25rem 1rem;padding:0;margin:.75rem 0}
:focus-visible{outline:2px solid var(--link);outline-offset:2px}
.notice{border-left:4px solid var(--unsure);background:var(--card);padding:.5rem .75rem}
.verdict{font-size:1.15rem;font-weight:600;border-left:4px solid var(--soft);padding:.5rem .75rem;
background:var(--card)}
.verdict.good{border-color:var(--good)}
.verdict.bad{border-color:var(--bad)}
.failed{border:1px solid var(--line);border-left:4px solid var(--bad);border-radius:4px;padding:.25rem .9rem;
margin:.75rem 0}
.failed h3{margin-top:.5rem;color:var(--bad)}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:max-content;font-variant-numeric:tabular-nums;font-size:.9rem;
margin:.5rem 0}
th,td{text-align:left;vertical-align:top;padding:.3rem .7rem .3rem 0;border-bottom:1px solid var(--line);
font-weight:400;max-width:22rem}
tbody th{max-width:12rem}
thead th{color:var(--soft);font-weight:600}
.number{text-align:right;white-space:nowrap}
.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,25rem),1fr));gap:1.25rem;
align-items:start;margin:1rem 0}
.figures.small{grid-template-columns:repeat(auto-fill,minmax(min(100%,13rem),1fr))}
figure{margin:.75rem 0;min-width:0}
.figures figure{margin:0}
svg.figure{display:block;width:100%;height:auto}
details{margin:.5rem 0}
summary{cursor:pointer;color:var(--link)}
.numbers{font-size:.9rem}
pre{background:var(--card);border:1px solid var(--line);border-radius:4px;padding:.75rem;overflow-x:auto;
font:.85rem/1.45 ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace;overflow-wrap:normal}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem;margin:.5rem 0}
dt{color:var(--soft)}
dd{margin:0;min-width:0}
@media (max-width:30rem){dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.4rem}}
@media print{:root{color-scheme:light}nav,.skip,.numbers{display:none}main,header{max-width:none;padding:0}
h2,h3{break-after:avoid}figure,.failed,tr{break-inside:avoid}.scroll{overflow:visible}
pre{white-space:pre-wrap}
details::details-content{content-visibility:visible}}
)";

}  // namespace

std::string_view page_sheet() {
  return sheet;
}

}  // namespace fluxsbi::report
