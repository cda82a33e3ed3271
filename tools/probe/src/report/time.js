// The chart over time: requests and their percentiles, what happened meanwhile, and below, on the
// same axis, the requests of each interval and the connection of each slot.

/** With more slots than these, the lives of connections are left out. */
const MOST_LANES = 24;

/** What happened, by kind; each pause with its end, in nanoseconds. */
function marks(run) {
  const of = (what) => run.happened.filter((one) => one.what === what && one.at_ns >= 0);
  const ends = of("resumed").map((one) => one.at_ns);
  const paused = run.happened.filter((one) => one.what === "paused");
  const pauses = paused.map((one) => ({
    from: Math.max(0, one.at_ns),
    until: Math.min(run.lasted_ns, ends.find((end) => end > one.at_ns) ?? run.lasted_ns),
    text: one.text,
  }));
  return { healed: of("healed"), rotated: of("rotated"), pauses };
}

/** When a slot had a connection, and when it had none, in nanoseconds. */
function lives(run, slot) {
  const [up, gaps] = [[], []];
  let [since, lost] = [null, null];
  for (const { what, at_ns: at } of run.happened.filter((one) => one.slot === slot)) {
    if (what === "lost" && since !== null) {
      up.push([since, at]);
      [since, lost] = [null, at];
    } else if (["up", "healed", "rotated"].includes(what)) {
      if (lost !== null && what === "healed") gaps.push([lost, at]);
      [since, lost] = [at, null];
    }
  }
  if (since !== null) up.push([since, run.lasted_ns]);
  if (lost !== null) gaps.push([lost, run.lasted_ns]);
  const inside = ([from, until]) => [Math.max(0, from), Math.min(run.lasted_ns, until)];
  const isSeen = ([from, until]) => until > 0 && from < run.lasted_ns;
  return { up: up.filter(isSeen).map(inside), gaps: gaps.filter(isSeen).map(inside) };
}

/** An area from one time to another, which is seen however short it is. */
const band = (x, [from, until], [top, bottom], colour, opacity) =>
  `<rect x="${x.at(from).toFixed(1)}" y="${top}" height="${bottom - top}" ` +
  `width="${Math.max(1.5, x.at(until) - x.at(from)).toFixed(1)}" ` +
  `fill="${colour}" fill-opacity="${opacity}"/>`;

/** Where the parts of the chart are, in pixels. */
function layout(width, slots) {
  const narrow = isNarrow(width);
  const lanes = slots <= MOST_LANES ? slots : 0;
  const [left, right, top] = [62, width - 12, 34];
  const bottom = top + (narrow ? 190 : 250);
  const [rateTop, rateBottom] = [bottom + 34, bottom + 80];
  const laneTop = rateBottom + (lanes ? 32 : 0);
  const laneHeight = lanes > 12 ? 9 : 14;
  const end = laneTop + lanes * laneHeight;
  return {
    narrow,
    lanes,
    left,
    right,
    top,
    bottom,
    rateTop,
    rateBottom,
    laneTop,
    laneHeight,
    end,
  };
}

/** The requests as dots, those without an answer as crosses, and the percentiles as lines. */
function requests(run, x, y, top) {
  const { intervals, width_ns: step } = run.series;
  const dots = run.points.map(([us, latency]) => {
    const [cx, cy] = [x.at(us * 1e3).toFixed(1), y.at(latency * 1e3).toFixed(1)];
    return `<circle cx="${cx}" cy="${cy}" r="1.9"/>`;
  });
  const lost = run.unanswered.map(([us]) => mark.cross(x.at(us * 1e3), top + 7, "var(--bad)"));
  const middle = (at) => Math.min((at + 0.5) * step, run.lasted_ns);
  const lineOf = (key, colour, dashes) => {
    // A line ends where an interval has no answer.
    const parts = [[]];
    intervals.forEach((one, at) => {
      if (one.answered) parts[parts.length - 1].push([x.at(middle(at)), y.at(one[key])]);
      else parts.push([]);
    });
    const thick = intervals.length > 60 ? 1.6 : 2;
    const drawn = parts.filter((part) => part.length);
    return drawn.map((part) => curve(part, colour, dashes, thick)).join("");
  };
  return (
    `<g fill="var(--s0)" fill-opacity=".3">${dots.join("")}</g>` +
    lineOf("p50_ns", "var(--ink)", "") +
    lineOf("p99_ns", "var(--s1)", "5 3") +
    lost.join("")
  );
}

/** Heals and rotations, each with a line through the requests. */
function events({ healed, rotated }, x, top, bottom) {
  const heals = healed.map((one) => {
    const at = x.at(one.at_ns);
    const stem = 'stroke="var(--heal)" stroke-width="1.2" stroke-opacity=".65"';
    return line(at, top, at, bottom, stem) + mark.triangle(at, top - 6, "var(--heal)");
  });
  const turns = rotated.map((one) => {
    const at = x.at(one.at_ns);
    const stem = 'stroke="var(--rotation)" stroke-dasharray="1 4" stroke-opacity=".7"';
    return line(at, top, at, bottom, stem) + mark.diamond(at, bottom, "var(--rotation)");
  });
  return turns.join("") + heals.join("");
}

/** How many requests of each interval were answered, and how many not. */
function rateStrip(run, x, { left, rateTop, rateBottom }) {
  const { intervals, width_ns: step } = run.series;
  const most = Math.max(1, ...intervals.map((one) => one.answered + one.unanswered));
  const y = linearScale(0, most, rateBottom, rateTop, 1);
  const bars = intervals.map((one, at) => {
    const from = x.at(at * step) + 0.5;
    const until = x.at(Math.min((at + 1) * step, run.lasted_ns)) - 0.5;
    const part = (low, high, colour) =>
      `<rect x="${from.toFixed(1)}" y="${y.at(high).toFixed(1)}" fill="${colour}" ` +
      `width="${Math.max(0.7, until - from).toFixed(1)}" ` +
      `height="${Math.max(0, y.at(low) - y.at(high)).toFixed(1)}"/>`;
    const all = one.answered + one.unanswered;
    return part(0, one.answered, "var(--s0)") + part(one.answered, all, "var(--bad)");
  });
  const name = label(
    0,
    rateTop - 10,
    `requests in each ${tickTime(step)}`,
    'class="axis-name"',
  );
  const number = label(left - 8, rateTop + 9, count(most), 'text-anchor="end"');
  return name + number + bars.join("");
}

/** The connections of each slot: a bar for each, and a gap in red when there was none. */
function laneStrip(run, x, { left, right, lanes, laneTop, laneHeight }) {
  if (!lanes) return "";
  // Bars end a little early, so that it is seen where the next one begins.
  const short = 1.5 * (run.lasted_ns / (right - left));
  const rows = Array.from({ length: lanes }, (_, slot) => {
    const { up, gaps } = lives(run, slot);
    const from = laneTop + slot * laneHeight + 2;
    const height = [from, from + laneHeight - 4];
    const lived = up.map(([a, b]) =>
      band(x, [a, Math.max(a, b - short)], height, "var(--s7)", 0.5),
    );
    const gone = gaps.map((gap) => band(x, gap, height, "var(--bad)", 1));
    const isNamed = lanes <= 12 || slot % 2 === 0;
    const at = height[1] + (laneHeight > 10 ? -1 : 1);
    const name = isNamed ? label(left - 8, at, slot, 'text-anchor="end"') : "";
    return name + lived.join("") + gone.join("");
  });
  return label(0, laneTop - 8, "connection of each slot", 'class="axis-name"') + rows.join("");
}

/** Latency over time, the answers of each interval, and the lives of the connections below. */
function timeChart(box, run, state) {
  const happened = marks(run);
  const times = run.points.map(([us]) => us * 1e3);
  return plot(box, (width) => {
    const place = layout(width, run.connections.length);
    const { narrow, left, right, top, bottom, rateBottom, end } = place;
    const x = linearScale(0, run.lasted_ns, left, right, narrow ? 4 : 9);
    const y = durationScale(state.isLog, state.values, bottom, top, narrow ? 6 : 8);
    const paused = happened.pauses.map((one) =>
      band(x, [one.from, one.until], [top, end], "var(--pause)", 0.16),
    );
    const svg =
      axisY(y, left, right, tickTime, "latency") +
      axisX(x, top, end, tickTime, "intended time of the request", paused.join("")) +
      line(left, bottom, right, bottom, 'class="base"') +
      line(left, rateBottom, right, rateBottom, 'class="base"') +
      events(happened, x, top, bottom) +
      requests(run, x, y, top) +
      rateStrip(run, x, place) +
      laneStrip(run, x, place);
    const under = (px, py) => {
      if (px < left || px > right || py < 0 || py > end) return null;
      return underTime(run, { x, y, px, py, place, times, happened });
    };
    const { healed, rotated, pauses } = happened;
    const words =
      `Latency over time, with ${healed.length} heals, ${rotated.length} rotations and ` +
      `${pauses.length} pauses.`;
    return { height: end + 44, svg, under, words };
  });
}

/** The request that is nearest on the screen, if one is near. */
function requestAt(run, { x, y, px, py, times }) {
  if (!times.length) return null;
  const around = nearest(times, x.value(px));
  let best = null;
  for (let n = Math.max(0, around - 40); n < Math.min(times.length, around + 40); n += 1) {
    const [cx, cy] = [x.at(times[n]), y.at(run.points[n][1] * 1e3)];
    const far = (cx - px) ** 2 + (cy - py) ** 2;
    if (far < (best?.far ?? 200)) best = { far, cx, cy, point: run.points[n] };
  }
  return best;
}

/** What is told of a place: what happened there, its interval, and the nearest request. */
function underTime(run, here) {
  const { x, px, py, place, happened } = here;
  const at = x.value(px);
  const interval = run.series.intervals[Math.floor(at / run.series.width_ns)];
  const rows = [];
  const near = (list) => list.filter((one) => Math.abs(x.at(one.at_ns) - px) < 5).slice(0, 4);
  const tell = (sign) => (one) => rows.push([sign, `slot ${one.slot}, at ${time(one.at_ns)}`]);
  near(happened.healed).forEach(tell("▲ healed"));
  near(happened.rotated).forEach(tell("◆ rotated"));
  const pause = happened.pauses.find((one) => one.from <= at && at <= one.until);
  if (pause) rows.push(["pause", pause.text]);
  if (interval) {
    const { answered, unanswered } = interval;
    rows.push(["answered", unanswered ? `${answered}, ${unanswered} not` : answered]);
    const levels = answered ? ["p50", "p99", "max"] : [];
    for (const level of levels) rows.push([level, time(interval[`${level}_ns`])]);
  }
  let svg = line(px, place.top, px, place.end, 'class="cross"');
  const found = py < place.bottom ? requestAt(run, here) : null;
  if (found) {
    const [, latency, slot] = found.point;
    const ring = 'fill="none" stroke="var(--ink)" stroke-width="1.5"';
    svg += `<circle cx="${found.cx}" cy="${found.cy}" r="4.5" ${ring}/>`;
    rows.push(["this request", `${time(latency * 1e3)}, slot ${slot}`]);
  }
  return { svg, tip: tipRows(`at ${time(Math.max(at, 1))}`, rows) };
}
