// The parts that all plots have: frame, axes, lines, legend, and what is told under the pointer.

const page = document.getElementById("page");
const tip = document.getElementById("tip");

/** Sees a narrow screen: names of lines then stand in a legend instead of beside them. */
const isNarrow = (width) => width < 560;

const color = (index) => `var(--s${index % 8})`;
const DASHES = ["", "6 3", "2 3", "9 3 2 3"];
/** Eight colours, then the same with dashes: no two of 32 lines look alike. */
const dash = (index) => DASHES[Math.floor(index / 8) % 4];

const line = (x1, y1, x2, y2, more) => {
  const [a, b, c, d] = [x1, y1, x2, y2].map((place) => place.toFixed(1));
  return `<line x1="${a}" y1="${b}" x2="${c}" y2="${d}" ${more}/>`;
};
const label = (x, y, words, more = "") =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${esc(words)}</text>`;
const path = (points) =>
  points.map(([x, y], at) => `${at ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

/** A horizontal axis below the plot, with its grid. */
function axisX(x, top, bottom, text, name, inner = "") {
  let free = -Infinity;
  const ticks = x.ticks.map((tick) => {
    const [at, words] = [x.at(tick), text(tick)];
    const half = words.length * 3.4 + 3;
    const grid = line(at, top, at, bottom, 'class="grid"');
    // A label that would lie on the one before it is left out.
    if (at - half < free) return grid;
    free = at + half;
    return grid + label(at, bottom + 17, words, 'text-anchor="middle"');
  });
  const title = name
    ? label((x.from + x.until) / 2, bottom + 35, name, 'text-anchor="middle" class="axis-name"')
    : "";
  return ticks.join("") + inner + line(x.from, bottom, x.until, bottom, 'class="base"') + title;
}

/** A vertical axis on the left, with its grid; its name stands above it. */
function axisY(y, left, right, text, name) {
  const ticks = y.ticks.map((tick) => {
    const at = y.at(tick);
    return (
      line(left, at, right, at, 'class="grid"') +
      label(left - 8, at + 4, text(tick), 'text-anchor="end"')
    );
  });
  return ticks.join("") + label(0, y.until - 12, name, 'class="axis-name"');
}

/** A line of a series. */
const curve = (points, colour, dashes, width = 2) =>
  `<path d="${path(points)}" fill="none" stroke="${colour}" stroke-width="${width}" ` +
  `stroke-dasharray="${dashes}" stroke-linejoin="round" stroke-linecap="round"/>`;

/** Names beside the ends of lines, moved apart where they would lie on each other. */
function names(ends, left, top, bottom) {
  const sorted = [...ends].sort((one, other) => one.y - other.y);
  let free = top;
  for (const end of sorted) {
    end.at = Math.max(end.y, free);
    free = end.at + 15;
  }
  let limit = bottom;
  for (const end of sorted.reverse()) {
    end.at = Math.min(end.at, limit);
    limit = end.at - 15;
  }
  return sorted
    .map((end) => label(left, end.at + 4, end.name, `class="name" style="fill:${end.color}"`))
    .join("");
}

/** An entry of a legend: a line, a mark or an area, with its name. */
function entry(kind, colour, name, dashes = "") {
  const marks = {
    line: line(0, 6, 22, 6, `stroke="${colour}" stroke-width="2" stroke-dasharray="${dashes}"`),
    dot: `<circle cx="11" cy="6" r="3" fill="${colour}" fill-opacity=".55"/>`,
    area: `<rect x="2" y="1" width="18" height="10" rx="2" fill="${colour}" fill-opacity=".35"/>`,
    block: `<rect x="2" y="1" width="18" height="10" rx="2" fill="${colour}"/>`,
    cross: mark.cross(11, 6, colour),
    triangle: mark.triangle(11, 6, colour),
    diamond: mark.diamond(11, 6, colour),
    ring: `<circle cx="11" cy="6" r="4" fill="none" stroke="${colour}" stroke-width="2"/>`,
    bar: line(11, 1, 11, 11, `stroke="${colour}" stroke-width="2"`),
  };
  const drawn = `<svg width="22" height="12" aria-hidden="true">${marks[kind]}</svg>`;
  return `<span>${drawn}${esc(name)}</span>`;
}

const mark = {
  cross: (x, y, colour) =>
    `<path d="M${x - 3.5} ${y - 3.5}l7 7m0 -7l-7 7" stroke="${colour}" stroke-width="1.8"/>`,
  triangle: (x, y, colour) => `<path d="M${x} ${y - 4.5}l5 8.5h-10z" fill="${colour}"/>`,
  diamond: (x, y, colour) =>
    `<path d="M${x} ${y - 4.5}l4.5 4.5l-4.5 4.5l-4.5 -4.5z" fill="${colour}"/>`,
};

/** Rows of a small table, for the tip. */
const tipRows = (title, rows) =>
  `<b>${esc(title)}</b><table>` +
  rows.map(([name, value]) => `<tr><td>${esc(name)}</td><td>${esc(value)}</td></tr>`).join("") +
  "</table>";

function showTip(html, event) {
  tip.innerHTML = html;
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  const right = event.clientX + 16;
  const left = right + box.width > innerWidth - 8 ? event.clientX - 16 - box.width : right;
  tip.style.left = `${Math.max(8, left)}px`;
  const top = Math.min(event.clientY + 14, innerHeight - box.height - 8);
  tip.style.top = `${Math.max(8, top)}px`;
}

/**
 * A plot that is drawn anew when its width changes. `draw(width)` gives the height, the markup,
 * what it is in words, and `under(x, y)`: what is told of a place, and what is marked there.
 */
function plot(box, draw) {
  box.className = "plot";
  let shown = null;
  let width = 0;
  const render = () => {
    width = box.clientWidth;
    if (!width) return;
    shown = draw(width);
    box.innerHTML =
      `<svg viewBox="0 0 ${width} ${shown.height}" height="${shown.height}" role="img" ` +
      `aria-label="${esc(shown.words)}">${shown.svg}<g class="under"></g></svg>`;
  };
  const leave = () => {
    tip.hidden = true;
    const marks = box.querySelector(".under");
    if (marks) marks.innerHTML = "";
  };
  box.addEventListener("pointermove", (event) => {
    const place = box.getBoundingClientRect();
    const found = shown?.under?.(event.clientX - place.left, event.clientY - place.top);
    if (!found) return leave();
    box.querySelector(".under").innerHTML = found.svg || "";
    showTip(found.tip, event);
  });
  box.addEventListener("pointerleave", leave);
  new ResizeObserver(() => box.clientWidth !== width && render()).observe(box);
  render();
  return render;
}

/** The index of the value that is nearest, in a sorted list. */
function nearest(values, wanted) {
  let [low, high] = [0, values.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (values[middle] < wanted) low = middle;
    else high = middle;
  }
  return Math.abs(values[low] - wanted) <= Math.abs(values[high] - wanted) ? low : high;
}

/** An element with its markup, at the end of another one. */
function add(parent, tag, html = "", kind = "") {
  const element = document.createElement(tag);
  if (kind) element.className = kind;
  element.innerHTML = html;
  parent.append(element);
  return element;
}
