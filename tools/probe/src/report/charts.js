// The charts: each takes data of a run and draws it with the parts of plot.js.

const BINS_PER_DECADE = 20;
const LEVELS = [50, 90, 99, 99.9, 99.99];

/** The bounds of durations: a little room on both sides. */
function bounds(values, isLog) {
  const some = values.filter((value) => value > 0);
  const [low, high] = [Math.min(...some), Math.max(...some)];
  if (!some.length) return [1e5, 1e7];
  return isLog ? [low * 0.85, Math.max(high * 1.15, low * 3)] : [0, high * 1.06];
}

const durationScale = (isLog, values, from, until, wanted) =>
  (isLog ? logScale : linearScale)(...bounds(values, isLog), from, until, wanted);

/** The duration of a curve at a percentile. */
function valueAt(points, level) {
  const found = points.find(([at]) => at >= level - 1e-9);
  return (found || points[points.length - 1])[1];
}

/** Duration over percentile; the percentiles have a scale on which each further nine is as wide. */
function percentileChart(box, state) {
  return plot(box, (width) => {
    const { series, isLog } = state;
    const narrow = isNarrow(width);
    const height = narrow ? 270 : 330;
    const right = width - (narrow || series.length > 8 ? 14 : 122);
    const [left, top, bottom] = [62, 30, height - 42];
    const most = Math.max(...series.map((one) => one.count));
    const x = percentileScale(most, left, right);
    const values = series.flatMap((one) => one.curve.map(([, ns]) => ns));
    const y = durationScale(isLog, values, bottom, top, narrow ? 6 : 9);
    const ends = [];
    const lines = series.map((one, index) => {
      const points = one.curve.map(([p, ns]) => [
        x.at(Math.min(p, 100 * (1 - 1 / one.count))),
        y.at(ns),
      ]);
      // At 0 percent is the shortest one.
      points.unshift([x.at(0), y.at(one.min_ns)]);
      ends.push({ name: one.name, y: points[points.length - 1][1], color: color(index) });
      return curve(
        points,
        color(index),
        one.dash ?? dash(index),
        series.length > 8 ? 1.4 : 2.2,
      );
    });
    const axes =
      axisX(x, top, bottom, percent, "percentile of answered requests") +
      axisY(y, left, right, tickTime, "time");
    const isNamed = !narrow && series.length <= 8;
    const under = (px, py) => {
      if (px < left - 10 || px > right + 10 || py < top - 20 || py > bottom + 20) return null;
      const level = Math.min(Math.max(x.value(px), 0), x.high);
      const rows = series
        .slice(0, 12)
        .map((one) => [one.name, time(valueAt(one.curve, level))]);
      const dots = series.map((one, index) => {
        const at = y.at(valueAt(one.curve, level));
        return `<circle cx="${x.at(level)}" cy="${at}" r="4" fill="${color(index)}" class="halo"/>`;
      });
      const shown = level > 99 ? level.toFixed(3) : level.toFixed(1);
      const svg = line(x.at(level), top, x.at(level), bottom, 'class="cross"') + dots.join("");
      return { svg, tip: tipRows(`${shown} % are at most`, rows) };
    };
    const svg = axes + lines.join("") + (isNamed ? names(ends, right + 10, top, bottom) : "");
    const words = series.map((one) => `${one.name}: median ${time(one.at_levels_ns[0])}`);
    return { height, svg, under, words: `Time over percentile. ${words.join(", ")}.` };
  });
}

/** How many requests took how long: the first series as bars, the second one as a line of steps. */
function histogramChart(box, state) {
  const edge = (bin) => 10 ** (bin / BINS_PER_DECADE);
  return plot(box, (width) => {
    const { series, isLog } = state;
    const narrow = isNarrow(width);
    const height = narrow ? 230 : 270;
    const [left, right, top, bottom] = [62, width - 12, 30, height - 42];
    const all = series.flatMap((one) => one.bins);
    const numbers = all.map(([bin]) => bin);
    const [first, last] = [Math.min(...numbers), Math.max(...numbers) + 1];
    const most = Math.max(...all.map(([, count]) => count));
    const x = logScale(edge(first - 1), edge(last + 1), left, right, narrow ? 6 : 14);
    const y = isLog
      ? logScale(0.5, most * 1.3, bottom, top, 6)
      : linearScale(0, most * 1.05, bottom, top, 4);
    y.ticks = y.ticks.filter((tick) => Number.isInteger(tick));
    const drawn = series.map((one, index) => {
      const counts = new Map(one.bins);
      const points = [];
      for (let bin = first; bin < last; bin += 1) {
        const at = y.at(counts.get(bin) || y.low);
        points.push([x.at(edge(bin)), at], [x.at(edge(bin + 1)), at]);
      }
      const closed = [[x.at(edge(first)), bottom], ...points, [x.at(edge(last)), bottom]];
      const fill = index ? "none" : color(0);
      return (
        `<path d="${path(closed)}" fill="${fill}" fill-opacity=".3" stroke="${color(index)}" ` +
        `stroke-width="1.8" stroke-dasharray="${index ? "5 3" : ""}" stroke-linejoin="round"/>`
      );
    });
    const under = (px, py) => {
      if (px < left || px > right || py > bottom + 20) return null;
      const bin = Math.floor(Math.log10(x.value(px)) * BINS_PER_DECADE);
      const rows = series.map((one) => [one.name, count(new Map(one.bins).get(bin) || 0)]);
      const wide = x.at(edge(bin + 1)) - x.at(edge(bin));
      const svg =
        `<rect x="${x.at(edge(bin))}" y="${top}" width="${wide}" height="${bottom - top}" ` +
        `fill="var(--soft)" fill-opacity=".14"/>`;
      return { svg, tip: tipRows(`${time(edge(bin))} to ${time(edge(bin + 1))}`, rows) };
    };
    const svg =
      axisX(x, top, bottom, tickTime, "time") +
      axisY(y, left, right, count, "requests") +
      drawn.join("");
    const words = series.map(
      (one) => `${one.name}: most between ${time(one.min_ns)} and ${time(one.at_levels_ns[2])}`,
    );
    return { height, svg, under, words: `Histogram. ${words.join(", ")}.` };
  });
}

/** The marks of one row: from the fastest to the slowest, with the median and the 99th. */
function groupRow(one, x, y) {
  const { min_ns: min, max_ns: max, at_levels_ns: levels } = one.latency;
  const [p50, , p99] = levels.map(x.at);
  const ring = 'fill="var(--panel)" stroke="var(--s1)" stroke-width="2.2"';
  return (
    line(x.at(min), y, x.at(max), y, 'stroke="var(--line)" stroke-width="2"') +
    line(p50, y, p99, y, 'stroke="var(--s0)" stroke-width="4" stroke-opacity=".45"') +
    line(x.at(max), y - 6, x.at(max), y + 6, 'stroke="var(--soft)" stroke-width="2"') +
    `<circle cx="${p50}" cy="${y}" r="5" fill="var(--s0)"/>` +
    `<circle cx="${p99}" cy="${y}" r="4.5" ${ring}/>`
  );
}

/** One row for each connection or address: from the median to the slowest request. */
function groupChart(box, groups, values) {
  const rows = groups.filter((one) => one.latency.count);
  return plot(box, (width) => {
    const long = Math.max(...rows.map((one) => one.name.length));
    const narrow = isNarrow(width);
    const from = Math.min(Math.max(56, long * 7.2 + 12), narrow ? 120 : 260);
    const room = Math.floor((from - 12) / 6.6);
    const step = rows.length > 16 ? 18 : 26;
    const [top, bottom] = [12, 12 + rows.length * step];
    const x = logScale(...bounds(values, true), from, width - 62, narrow ? 4 : 9);
    const drawn = rows.map((one, index) => {
      const y = top + (index + 0.5) * step;
      const name = one.name.length > room ? `…${one.name.slice(1 - room)}` : one.name;
      const answered = label(width, y + 4, count(one.latency.count), 'text-anchor="end"');
      const words = label(from - 10, y + 4, name, 'text-anchor="end" class="name"');
      return words + groupRow(one, x, y) + answered;
    });
    const under = (px, py) => {
      const at = Math.floor((py - top) / step);
      const one = rows[at];
      if (!one) return null;
      const { at_levels_ns: levels, max_ns: max, count: answered } = one.latency;
      const told = LEVELS.map((level, place) => [`p${level}`, time(levels[place])]);
      told.push(["max", time(max)], ["answered", count(answered)]);
      const svg =
        `<rect x="0" y="${top + at * step}" width="${width}" height="${step}" ` +
        `fill="var(--soft)" fill-opacity=".1"/>`;
      return { svg, tip: tipRows(one.name, told) };
    };
    const head = label(width, bottom + 17, "answered", 'text-anchor="end"');
    const svg = axisX(x, top, bottom, tickTime, "latency") + head + drawn.join("");
    const words = rows.map((one) => `${one.name}: median ${time(one.latency.at_levels_ns[0])}`);
    return { height: bottom + 42, svg, under, words: `Latency of each. ${words.join(", ")}.` };
  });
}
