// The tables: numbers of a run, how its requests ended, and two runs beside each other.

const PARTS = {
  own_delay: "own delay",
  wait: "wait",
  write: "write",
  first_byte: "first byte",
  connect: "connect",
  handshake: "TLS handshake",
  heal: "heal",
};

/** A cell whose text stands on the left. Its content is markup already. */
const left = (markup) => ({ markup });
const cell = (tag) => (content) =>
  content?.markup === undefined
    ? `<${tag}>${content}</${tag}>`
    : `<${tag} class="text">${content.markup}</${tag}>`;

/** The markup of a table; cells are markup, or made by `left`. */
function table(heads, rows) {
  const head = heads.map(cell("th")).join("");
  const body = rows.map((row) => `<tr>${row.map(cell("td")).join("")}</tr>`).join("");
  return `<table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table>`;
}

/** By how much the second one differs, with its sign. */
function change(first, second) {
  if (!first || !second) return "";
  const by = (100 * (second - first)) / first;
  const kind = Math.abs(by) < 5 ? "" : by < 0 ? "better" : "worse";
  if (second >= 3 * first) return `<span class="worse">× ${digits(second / first, 2)}</span>`;
  return `<span class="${kind}">${by > 0 ? "+" : "−"}${Math.abs(by).toFixed(0)} %</span>`;
}

/** Two runs beside each other. */
function comparisonTable([a, b]) {
  const values = (run) => [...run.latency.at_levels_ns, run.latency.max_ns];
  const [first, second] = [values(a), values(b)];
  const names = [...LEVELS.map((level) => `p${level}`), "slowest"];
  const rows = names.map((name, at) => {
    const [one, other] = [first[at], second[at]];
    return [name, time(one), time(other), change(one, other)];
  });
  for (const key of ["due", "answered", "heals", "rotations", "pauses"]) {
    rows.push([key, count(a.counts[key]), count(b.counts[key]), ""]);
  }
  return table(["", "A", "B", "B to A"], rows);
}

/** Latency and its parts. */
function numbersTable(run) {
  const parts = Object.entries(PARTS).map(([key, name]) => [name, run.parts[key]]);
  const all = [["latency", run.latency], ["service time", run.service], ...parts];
  const some = all.filter(([, one]) => one?.count);
  const rows = some.map(([name, one]) => {
    const values = [one.min_ns, ...one.at_levels_ns, one.max_ns];
    return [name, count(one.count), ...values.map((ns) => time(ns))];
  });
  return table(["", "count", "min", ...LEVELS.map((level) => `p${level}`), "max"], rows);
}

/** How the requests ended. */
function outcomesTable(run) {
  const rows = run.outcomes.map(([name, number]) => {
    const share = (100 * number) / run.counts.due;
    const colour = /^2\d\d$/.test(name) ? "var(--s0)" : "var(--bad)";
    const bar = `<i class="bar" style="width:${share}%;background:${colour}"></i>`;
    return [esc(name), count(number), `${share.toFixed(2)} %`, left(bar)];
  });
  return table(["outcome", "count", "share", left("")], rows);
}

/** What happened to the connections, in words. */
function eventsTable(run, most = 500) {
  const rows = run.happened.slice(0, most).map((one) => {
    const at = `${one.at_ns < 0 ? "−" : ""}${time(Math.abs(one.at_ns))}`;
    return [at, left(esc(one.what.replace("_", " "))), left(esc(one.text))];
  });
  const more = run.happened.length - rows.length;
  if (more > 0) rows.push(["…", left(""), left(`and ${more} more`)]);
  return table(["at", left("what"), left("in words")], rows);
}

function numbers(run, index) {
  const { box } = section(isComparison ? `Numbers of ${labels[index]}` : "Numbers");
  add(box, "div", numbersTable(run), "scroll");
  add(box, "div", outcomesTable(run), "scroll");
  const summary = `What happened to the connections (${run.happened.length} events)`;
  const events = `<div class="scroll">${eventsTable(run)}</div>`;
  add(box, "details", `<summary>${summary}</summary>${events}`);
}

function comparison() {
  const { box } = section("A and B", "Latency, and by how much B differs from A.");
  add(box, "div", comparisonTable(runs), "scroll");
}
