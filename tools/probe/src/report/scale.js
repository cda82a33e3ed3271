// Numbers as text, and scales: from a value to a place on the screen. It draws nothing.

const escaped = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const esc = (text) => String(text).replace(/[&<>"']/g, (c) => escaped[c]);

/** A number with so many significant digits, and without zeros at its end if `short`. */
function digits(value, count, short) {
  const decimals = Math.max(0, count - 1 - Math.floor(Math.log10(Math.abs(value) || 1) + 1e-9));
  const text = value.toFixed(Math.min(decimals, 6));
  return short && text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

const UNITS = [
  [1e9, "s"],
  [1e6, "ms"],
  [1e3, "µs"],
  [1, "ns"],
];

/** Nanoseconds as text, such as `1.23 ms`. */
function time(ns, count = 3, short = false) {
  if (!ns) return "0";
  const [unit, name] = UNITS.find(([unit]) => Math.abs(ns) >= unit * 0.9995) || UNITS[3];
  return `${digits(ns / unit, count, short)} ${name}`;
}

const tickTime = (ns) => time(ns, 3, true);
const count = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, "\u202f");

/** A percentage, with as many nines as it has. */
const percent = (value) => `${+value.toFixed(6)} %`;

/** Round numbers from `low` to `high`, about `wanted` of them. */
function roundTicks(low, high, wanted) {
  const raw = (high - low) / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= raw * 0.999);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, at) => (first + at) * step);
}

/** 1, 2 and 5 of each power of ten, or fewer if there are too many. */
function logTicks(low, high, wanted) {
  for (const factors of [[1, 2, 5], [1, 3], [1]]) {
    const ticks = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1) {
      for (const factor of factors) ticks.push(factor * 10 ** power);
    }
    const inside = ticks.filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
    if (inside.length <= wanted || factors.length === 1) return inside;
  }
  return [];
}

/** A scale of a form that `to` and `back` give: screen = from + share * (until - from). */
function scale(low, high, from, until, form, ticks) {
  const [first, last] = [form.to(low), form.to(high)];
  const length = last - first || 1;
  const at = (value) => from + ((form.to(value) - first) / length) * (until - from);
  const value = (place) => form.back(first + ((place - from) / (until - from)) * length);
  return { low, high, from, until, at, value, ticks };
}

const plain = { to: (v) => v, back: (v) => v };
const logarithm = { to: (v) => Math.log10(Math.max(v, 1e-9)), back: (v) => 10 ** v };
/** Each further nine takes the same room. */
const nines = {
  to: (p) => -Math.log10(Math.max(1 - p / 100, 1e-9)),
  back: (v) => 100 * (1 - 10 ** -v),
};

const linearScale = (low, high, from, until, wanted) =>
  scale(low, high, from, until, plain, roundTicks(low, high, wanted));
const logScale = (low, high, from, until, wanted) =>
  scale(low, high, from, until, logarithm, logTicks(low, high, wanted));

/** Percentiles up to the one that a single request of `total` is above. */
function percentileScale(total, from, until) {
  const high = 100 * (1 - 1 / Math.max(total, 10));
  const wanted = [0, 50, 75, 90, 99, 99.9, 99.99, 99.999, 99.9999].filter(
    (p) => p <= high + 1e-9,
  );
  const made = scale(0, high, from, until, nines, wanted);
  return { ...made, at: (p) => made.at(Math.min(p, high)) };
}
