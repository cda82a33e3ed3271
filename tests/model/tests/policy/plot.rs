//! A line plot as SVG: goodput over load, both in percent of the capacity.

use std::fmt::Write;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 340.0;
const LEFT: f64 = 56.0;
const TOP: f64 = 40.0;
const RIGHT: f64 = 20.0;
const BOTTOM: f64 = 52.0;
const MOST_LOAD: f64 = 400.0;
const MOST_GOODPUT: f64 = 110.0;
const COLOURS: [&str; 4] = ["#e0a48c", "#c0392b", "#8fb4de", "#2463b4"];

fn x(load: f64) -> f64 {
    LEFT + load / MOST_LOAD * (WIDTH - LEFT - RIGHT)
}

fn y(goodput: f64) -> f64 {
    HEIGHT - BOTTOM - goodput / MOST_GOODPUT * (HEIGHT - TOP - BOTTOM)
}

/// Draws each line, given as points of load and goodput.
pub(crate) fn svg(lines: &[(&str, Vec<(f64, f64)>)]) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\" fill=\"#333\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
    );
    axes(&mut svg);
    for (at, (name, points)) in lines.iter().enumerate() {
        let points: Vec<_> =
            points.iter().map(|(load, good)| format!("{:.1},{:.1}", x(*load), y(*good))).collect();
        let (points, colour) = (points.join(" "), COLOURS[at % COLOURS.len()]);
        let (left, top) = (LEFT + 10.0 + 165.0 * at as f64, TOP - 22.0);
        writeln!(
            svg,
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" \
             stroke-width=\"2\"/>\n<rect x=\"{left}\" y=\"{top}\" width=\"14\" height=\"4\" \
             fill=\"{colour}\"/><text x=\"{:.1}\" y=\"{:.1}\">{name}</text>",
            left + 20.0,
            top + 6.0,
        )
        .unwrap();
    }
    svg + "</svg>\n"
}

fn axes(svg: &mut String) {
    let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
    for load in (0..=MOST_LOAD as u32).step_by(50) {
        let x = x(f64::from(load));
        writeln!(
            svg,
            "<path d=\"M{x:.1} {TOP}V{bottom}\" stroke=\"#eee\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{load} %</text>",
            bottom + 18.0
        )
        .unwrap();
    }
    for goodput in (0..=100).step_by(25) {
        let y = y(f64::from(goodput));
        writeln!(
            svg,
            "<path d=\"M{LEFT} {y:.1}H{right}\" stroke=\"#eee\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{goodput} %</text>",
            LEFT - 8.0,
            y + 4.0
        )
        .unwrap();
    }
    writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">load, and answered in time, in \
         percent of what the venue can do</text>",
        (LEFT + right) / 2.0,
        HEIGHT - 10.0
    )
    .unwrap();
}
