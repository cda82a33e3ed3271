// The page: reads the runs, and puts the parts below each other.

const runs = JSON.parse(document.getElementById("data").textContent);
const isComparison = runs.length > 1;
const labels = isComparison ? ["A", "B"] : ["this"];

/** Above this ratio of the slowest to the fastest, a linear scale shows only the slowest. */
const WIDE = 20;

function section(title, note = "") {
  const box = add(page, "section");
  const head = add(box, "div", `<h2>${esc(title)}</h2>`, "head");
  if (note) add(box, "p", esc(note), "note");
  return { box, head };
}

function checkbox(head, text, checked, change) {
  const outer = add(
    head,
    "label",
    `<input type="checkbox"${checked ? " checked" : ""}> ${esc(text)}`,
  );
  const input = outer.querySelector("input");
  input.addEventListener("change", () => change(input.checked));
}

const asked = (run) => {
  const { connections, rate, duration_ns: duration, warm_up_ns: warmUp } = run.asked;
  const parts = [
    connections === 1 ? "1 connection" : `${connections} connections`,
    `${rate} requests/s, open loop`,
    run.is_cut_short
      ? `ended early after ${time(run.lasted_ns)} of ${tickTime(duration)}`
      : tickTime(duration),
  ];
  if (warmUp) parts.push(`after ${tickTime(warmUp)} of warm-up`);
  return parts.join(" · ");
};

const endpoint = (run) => `${run.asked.method} ${run.asked.venue}${run.asked.path}`;
/** With places at which a long one may be broken. */
const breakable = (text) => esc(text).replace(/(\w)\//g, "$1/<wbr>");
const begun = (run) =>
  new Date(run.begun_ms).toISOString().replace("T", " ").slice(0, 19) + " UTC";

function header() {
  const box = add(page, "header");
  add(box, "div", isComparison ? "Comparison of two runs" : "Latency report", "eyebrow");
  if (!isComparison) {
    add(box, "h1", breakable(endpoint(runs[0])));
    add(box, "p", `${esc(asked(runs[0]))} · ${esc(begun(runs[0]))}`, "soft");
    document.title = `${runs[0].asked.venue}: latency`;
    return;
  }
  document.title = "Comparison: latency";
  runs.forEach((run, index) => {
    const swatch = `<i class="swatch" style="background:${color(index)}"></i>`;
    add(box, "h1", `${swatch}${labels[index]}: ${breakable(endpoint(run))}`);
    add(box, "p", `${esc(asked(run))} · ${esc(begun(run))}`, "soft");
  });
}

/** A figure with its unit apart, so that the digits are what is seen first. */
const figure = (text) => text.replace(/ (.+)$/, " <small>$1</small>");

function tiles(run) {
  const { counts, latency } = run;
  const [p50, , p99, p999] = latency.at_levels_ns;
  const share = counts.due ? (100 * counts.answered) / counts.due : 0;
  const all = counts.answered === counts.due;
  const shown = [
    ["p50", figure(time(p50))],
    ["p99", figure(time(p99))],
    ["p99.9", figure(time(p999))],
    ["slowest", figure(time(latency.max_ns))],
    [
      "answered",
      all ? count(counts.due) : figure(percent(Math.floor(share * 1000) / 1000)),
      !all,
    ],
    ["connections", count(counts.connections)],
    ["heals", count(counts.heals)],
    ["rotations", count(counts.rotations)],
    ["pauses", count(counts.pauses), counts.pauses > 0],
  ];
  const tile = ([name, value, bad]) =>
    `<div class="tile${bad ? " bad" : ""}"><b>${value}</b><span>${esc(name)}</span></div>`;
  add(page, "div", shown.map(tile).join(""), "tiles");
}

/** The delay of the machine that measures is in the latency, too: so much of it must be said. */
function doubts(run, index) {
  const [, , own] = run.parts.own_delay?.at_levels_ns ?? [0, 0, 0];
  if (own * 4 < run.latency.at_levels_ns[0]) return;
  const words =
    `<b>The machine that measured ${labels[index]} was late.</b> It looked at one request in a ` +
    `hundred ${esc(time(own))} or more after the intended time. This is part of the latency. ` +
    `Service time is without it.`;
  add(page, "p", words, "doubt");
}

const named = (name, distribution) => ({ name, ...distribution });

/** What the percentile chart can show. */
function views() {
  const curves = (groups, from = "") =>
    groups
      .filter((one) => one.latency.curve.length)
      .map((one) => named(from + one.name, one.latency));
  if (isComparison) {
    const of = (key) => runs.map((run, index) => named(labels[index], run[key]));
    return { latency: of("latency"), "service time": of("service") };
  }
  const [run] = runs;
  const found = {
    "latency and service time": [
      named("latency", run.latency),
      named("service time", run.service),
    ],
  };
  const [addresses, connections] = [curves(run.addresses), curves(run.connections)];
  if (addresses.length > 1) found["each address"] = addresses;
  if (connections.length > 1) found["each connection"] = connections;
  return found;
}

const isWide = (series) =>
  Math.max(...series.map((one) => one.max_ns)) >
  WIDE * Math.min(...series.map((one) => one.min_ns || one.max_ns));

const NOTE_OF_TWO = "The lower line is faster. Each further nine takes the same room.";
const NOTE_OF_ONE =
  "Latency counts from the time at which a request was to be sent, so it has in it what the " +
  "request waited behind slow ones. Service time counts from sending.";

function percentiles() {
  const { box, head } = section("Percentiles", isComparison ? NOTE_OF_TWO : NOTE_OF_ONE);
  const shown = views();
  const first = Object.keys(shown)[0];
  const state = { series: shown[first], isLog: isWide(shown[first]) };
  const options = Object.keys(shown).map((name) => `<option>${esc(name)}</option>`);
  const select = add(head, "label", `show <select>${options.join("")}</select>`).querySelector(
    "select",
  );
  const legend = add(box, "div", "", "legend");
  const target = add(box, "div");
  const tell = () => {
    const isNamed = !isNarrow(target.clientWidth) && state.series.length <= 8;
    const entries = state.series.map((one, index) =>
      entry("line", color(index), one.name, dash(index)),
    );
    legend.innerHTML = isNamed ? "" : entries.join("");
  };
  const render = percentileChart(target, state);
  const again = () => {
    tell();
    render();
  };
  checkbox(head, "logarithmic", state.isLog, (isLog) => {
    state.isLog = isLog;
    again();
  });
  select.addEventListener("change", () => {
    state.series = shown[select.value];
    again();
  });
  new ResizeObserver(tell).observe(target);
}

function overTime() {
  const { box, head } = section(
    "Over time",
    "Each dot is a request. Gaps in the lines: no answer came.",
  );
  const values = runs.flatMap((run) => run.points.map(([, us]) => us * 1e3));
  const state = { values, isLog: isWide(runs.map((run) => run.latency)) };
  const happened = runs.map(marks);
  const has = (key) => happened.some((one) => one[key].length);
  const legend = [
    entry("dot", "var(--s0)", "request"),
    entry("line", "var(--ink)", "p50"),
    entry("line", "var(--s1)", "p99", "5 3"),
  ];
  if (runs.some((run) => run.unanswered.length))
    legend.push(entry("cross", "var(--bad)", "no answer"));
  if (has("healed"))
    legend.push(
      entry("triangle", "var(--heal)", "healed"),
      entry("block", "var(--bad)", "no connection"),
    );
  if (has("rotated")) legend.push(entry("diamond", "var(--rotation)", "rotated"));
  if (has("pauses")) legend.push(entry("area", "var(--pause)", "pause"));
  add(box, "div", legend.join(""), "legend");
  const renders = runs.map((run, index) => {
    if (isComparison) add(box, "h3", `${labels[index]}: ${esc(endpoint(run))}`);
    return timeChart(add(box, "div"), run, state);
  });
  checkbox(head, "logarithmic", state.isLog, (isLog) => {
    state.isLog = isLog;
    renders.forEach((render) => render());
  });
}

function histogram() {
  const { box, head } = section("Histogram");
  const series = isComparison
    ? runs.map((run, index) => named(labels[index], run.latency))
    : [named("latency", runs[0].latency), named("service time", runs[0].service)];
  const state = { series: series.filter((one) => one.bins.length), isLog: false };
  const entries = state.series.map((one, index) =>
    index
      ? entry("line", color(index), one.name, "5 3")
      : entry("area", color(index), one.name),
  );
  add(box, "div", entries.join(""), "legend");
  const render = histogramChart(add(box, "div"), state);
  checkbox(head, "logarithmic counts", false, (isLog) => {
    state.isLog = isLog;
    render();
  });
}

function byGroup(key, title) {
  const of = runs.map((run) => run[key].filter((one) => one.latency.count));
  if (!of.some((groups) => groups.length > 1)) return;
  const { box } = section(title);
  add(
    box,
    "div",
    [
      entry("dot", "var(--s0)", "p50"),
      entry("ring", "var(--s1)", "p99"),
      entry("bar", "var(--soft)", "slowest"),
    ].join(""),
    "legend",
  );
  const values = of.flat().flatMap(({ latency }) => [latency.min_ns, latency.max_ns]);
  of.forEach((groups, index) => {
    if (isComparison) add(box, "h3", labels[index]);
    // More rows than a screen shows: those that are slowest at the median.
    const slowest = [...groups].sort(
      (one, other) => other.latency.at_levels_ns[0] - one.latency.at_levels_ns[0],
    );
    const kept = new Set(slowest.slice(0, 40));
    if (groups.length > kept.size)
      add(box, "p", `The ${kept.size} slowest of ${groups.length} at the median.`, "note");
    groupChart(
      add(box, "div"),
      groups.filter((one) => kept.has(one)),
      values,
    );
  });
}

header();
if (isComparison) comparison();
else tiles(runs[0]);
runs.forEach(doubts);
if (runs.every((run) => run.counts.answered)) {
  percentiles();
  overTime();
  histogram();
  byGroup("addresses", "By address");
  byGroup("connections", "By connection");
} else {
  add(
    section("No answer").box,
    "p",
    "No request was answered, so there is nothing to plot. The outcomes are below.",
  );
}
runs.forEach(numbers);
const FOOTER = [
  esc(runs[0].program),
  "times by CLOCK_MONOTONIC of the machine that measured",
  "this page loads nothing from the network",
];
add(page, "footer", FOOTER.join(" · "));
