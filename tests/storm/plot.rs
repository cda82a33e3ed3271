//! A line plot as SVG: dials per second over time. It knows nothing but numbers and names.

use std::fmt::Write;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 340.0;
const LEFT: f64 = 70.0;
const TOP: f64 = 40.0;
const RIGHT: f64 = 20.0;
const BOTTOM: f64 = 46.0;
const COLOURS: [&str; 3] = ["#b0b7c3", "#e08a3c", "#2463b4"];
/// The last second that is shown, and the least and most dials per second.
const SECONDS: f64 = 60.0;
const LEAST: f64 = 100.0;
const MOST: f64 = 1_000_000.0;

fn x(second: f64) -> f64 {
    LEFT + second / SECONDS * (WIDTH - LEFT - RIGHT)
}

/// Logarithmic, because the first moment is a thousand times the last.
fn y(value: f64) -> f64 {
    let share = (value.clamp(LEAST, MOST) / LEAST).ln() / (MOST / LEAST).ln();
    HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
}

/// Draws each series, given in tenths of a second.
pub(crate) fn svg(series: &[(&str, &[u64])]) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\" fill=\"#333\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
    );
    axes(&mut svg);
    for (at, (name, tenths)) in series.iter().enumerate() {
        let points: String = tenths
            .iter()
            .take((SECONDS * 10.0) as usize)
            .enumerate()
            .map(|(tenth, dials)| {
                let (x, y) = (x(tenth as f64 / 10.0), y(*dials as f64 * 10.0));
                format!("{x:.1},{y:.1} ")
            })
            .collect();
        let colour = COLOURS[at % COLOURS.len()];
        writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>",
            points.trim_end()
        )
        .unwrap();
        let (legend_x, legend_y) = (LEFT + 10.0 + 215.0 * at as f64, TOP - 16.0);
        writeln!(
            svg,
            "<rect x=\"{legend_x}\" y=\"{:.1}\" width=\"14\" height=\"4\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{legend_y}\">{name}</text>",
            legend_y - 6.0,
            legend_x + 20.0,
        )
        .unwrap();
    }
    svg + "</svg>\n"
}

fn axes(svg: &mut String) {
    for second in (0..=SECONDS as u32).step_by(10) {
        let x = x(f64::from(second));
        let (top, bottom) = (TOP, HEIGHT - BOTTOM);
        writeln!(
            svg,
            "<path d=\"M{x:.1} {top}V{bottom}\" stroke=\"#eee\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{second} s</text>",
            bottom + 18.0
        )
        .unwrap();
    }
    for (value, name) in
        [(100.0, "100"), (1e3, "1,000"), (1e4, "10,000"), (1e5, "100,000"), (1e6, "1,000,000")]
    {
        let y = y(value);
        writeln!(
            svg,
            "<path d=\"M{LEFT} {y:.1}H{:.1}\" stroke=\"#eee\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{name}</text>",
            WIDTH - RIGHT,
            LEFT - 8.0,
            y + 4.0
        )
        .unwrap();
    }
    let (x, bottom) = (x(30.0), HEIGHT - BOTTOM);
    writeln!(
        svg,
        "<path d=\"M{x:.1} {TOP}V{bottom}\" stroke=\"#333\" stroke-dasharray=\"4 3\"/>\
         <text x=\"{:.1}\" y=\"{:.1}\">the venue is back</text>\
         <text x=\"{LEFT}\" y=\"{:.1}\">dials per second of 10,000 pools with 4 slots each, after \
         the loss of the venue</text>",
        x + 6.0,
        TOP + 14.0,
        HEIGHT - 8.0
    )
    .unwrap();
}
