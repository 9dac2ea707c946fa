// The console's own script: keys, and a chart drawn from the table that stands below it.
// Everything works without it.
(() => {
  "use strict";

  const shown = (name) => document.querySelectorAll(name);
  shown("[data-keys]").forEach((hint) => { hint.hidden = false; });

  // ---- keys -------------------------------------------------------------------------------
  const typing = (target) => target.closest("input, select, textarea, [contenteditable]");

  const step = (by) => {
    const links = [...shown(".row-link")];
    if (links.length === 0) return;
    const here = links.indexOf(document.activeElement?.closest(".row")?.querySelector(".row-link"));
    const next = here < 0 ? (by > 0 ? 0 : links.length - 1) : here + by;
    const link = links[Math.min(Math.max(next, 0), links.length - 1)];
    link.focus();
    link.closest(".row").scrollIntoView({ block: "nearest" });
  };

  const keys = {
    j: () => step(1),
    k: () => step(-1),
    "/": () => document.getElementById("q")?.focus(),
    u: () => document.querySelector("[data-back]")?.click(),
  };

  document.addEventListener("keydown", (event) => {
    const act = keys[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    event.preventDefault();
    act();
  });

  // ---- share of the score, by reason --------------------------------------------------------
  const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const rowsOf = (table) => [...table.querySelectorAll("tr[data-share]")].slice(0, 8).map((row) => ({
    name: row.dataset.name,
    share: Number(row.dataset.share),
  })).reverse();

  const options = (rows, label, width) => ({
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
    animation: false,
    aria: { enabled: true, label: { description: label } },
    grid: { left: 8, right: 56, top: 8, bottom: 8, containLabel: true },
    xAxis: { type: "value", max: 100, show: false },
    yAxis: {
      type: "category",
      data: rows.map((row) => row.name),
      axisLine: { show: false },
      axisTick: { show: false },
      axisLabel: { color: token("--ink-2"), width: Math.min(240, width * 0.38), overflow: "truncate", fontSize: 13 },
    },
    series: [{
      type: "bar",
      data: rows.map((row) => row.share),
      barWidth: 14,
      showBackground: true,
      backgroundStyle: { color: token("--line-2"), borderRadius: 7 },
      itemStyle: { color: token("--accent"), borderRadius: 7 },
      label: {
        show: true, position: "right", color: token("--ink"), fontSize: 13,
        formatter: ({ value }) => `${Math.round(value)}%`,
      },
    }],
  });

  const draw = (place) => {
    const table = document.getElementById(place.dataset.shareChart);
    const rows = table ? rowsOf(table) : [];
    if (rows.length < 2 || typeof window.echarts === "undefined") return;
    place.hidden = false;
    place.style.height = `${rows.length * 32 + 16}px`;
    const chart = window.echarts.init(place);
    const paint = () => chart.setOption(options(rows, place.dataset.label, place.clientWidth), true);
    paint();
    window.addEventListener("resize", () => { chart.resize(); paint(); });
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
  };

  shown("[data-share-chart]").forEach(draw);
})();
