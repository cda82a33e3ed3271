//! The files are what others can read: the page alone, HdrHistogram's readers, and spreadsheets.

use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use serde_json::Value;

use crate::run::{Ended, output, plain_venue, text};

const PATH: &str = "/api/v3/time";

/// The parts of a page before its data, the data, and behind it.
fn parts(page: &str) -> (&str, &str, &str) {
    let begin = "<script type=\"application/json\" id=\"data\">";
    let (before, rest) = page.split_once(begin).unwrap();
    let (data, behind) = rest.split_once("</script>").unwrap();
    (before, data, behind)
}

/// Nothing that a browser would load: no address of another host, and no element that loads.
fn assert_alone(page: &str) {
    let (before, data, behind) = parts(page);
    for part in [before, behind] {
        for loads in
            ["http://", "https://", "//cdn", "src=", "@import", "url(", "fetch(", "import("]
        {
            assert!(!part.contains(loads), "the page has {loads}");
        }
        for element in ["<img", "<iframe", "<object", "<embed", "<base"] {
            assert!(!part.contains(element), "the page has {element}");
        }
    }
    assert!(before.contains("default-src 'none'"));
    assert_eq!(before.matches("href=").count(), before.matches("href=\"data:,\"").count());
    assert!(!data.contains('<'), "the data could end its element");
}

#[test]
fn the_page_has_all_in_it_and_loads_nothing() {
    let ended = Ended::of(&plain_venue(), PATH, &["--rate", "100", "--duration", "500ms"]);
    let page = ended.file("report.html");
    assert_alone(&page);
    let told: Value = serde_json::from_str(parts(&page).1).unwrap();
    assert_eq!(told, Value::Array(vec![ended.json()]));
    for placeholder in ["/*STYLE*/", "/*SCRIPT*/", "/*DATA*/"] {
        assert!(!page.contains(placeholder), "{placeholder}");
    }
}

#[test]
fn two_runs_are_compared_on_a_page_of_their_own() {
    let venue = plain_venue();
    let runs =
        ["100", "50"].map(|rate| Ended::of(&venue, PATH, &["--rate", rate, "--duration", "1s"]));
    let files = runs.each_ref().map(|run| run.folder.join("run.json"));
    let page = runs[0].folder.join("compare.html");
    let [first, second, page_name] =
        [&files[0], &files[1], &page].map(|file| file.to_str().unwrap());
    let compared = output(&["compare", first, second, "--html", page_name]);
    assert!(compared.status.success(), "{}", text(&compared.stderr));
    let page = std::fs::read_to_string(&page).unwrap();
    assert_alone(&page);
    let told: Value = serde_json::from_str(parts(&page).1).unwrap();
    assert_eq!(told, Value::Array(runs.iter().map(Ended::json).collect()));

    let csv = runs[0].folder.join("requests.csv");
    let refused = output(&["compare", first, csv.to_str().unwrap(), "--html", page_name]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("is no file of --json"));
}

/// A value of JSON that a venue or a user could choose must not become markup.
#[test]
fn markup_in_a_path_stays_text() {
    let path = "/api/v3/time/%3Cscript%3E";
    let ended = Ended::of(&plain_venue(), path, &["--rate", "10", "--duration", "300ms"]);
    let page = ended.file("report.html");
    assert_alone(&page);
    assert_eq!(ended.count("answered"), 3);
}

/// The histograms of a log with that tag, added up.
fn logged(log: &str, tag: &str) -> Histogram<u64> {
    let mut sum = Histogram::<u64>::new(3).unwrap();
    let mut deserializer = Deserializer::new();
    for entry in IntervalLogIterator::new(log.as_bytes()) {
        let LogEntry::Interval(interval) = entry.expect("a line of the format") else { continue };
        if interval.tag().is_some_and(|its| its.as_str() == tag) {
            let bytes = base64(interval.encoded_histogram());
            let counts: Histogram<u64> = deserializer.deserialize(&mut &bytes[..]).unwrap();
            sum.add(counts).unwrap();
        }
    }
    sum
}

fn base64(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

#[test]
fn the_log_is_one_of_hdrhistogram_and_has_each_answer() {
    let options = ["--rate", "100", "--duration", "2500ms"];
    let ended = Ended::of(&plain_venue(), PATH, &options);
    let log = ended.file("latency.hdr");
    assert!(log.starts_with("#[Histogram log format version 1.3]\n\"StartTimestamp\""));
    let lines = log.lines().filter(|line| line.starts_with("Tag=latency,")).count();
    assert_eq!(lines, 3, "one for each second that was begun");
    for (tag, column) in [("latency", "latency_us"), ("service", "service_us")] {
        let counts = logged(&log, tag);
        assert_eq!(counts.len(), 250);
        let longest = ended.column(column).into_iter().fold(0.0, f64::max);
        let difference = counts.max() as f64 / 1e3 / longest - 1.0;
        assert!(difference.abs() < 0.01, "{tag}: {} and {longest}", counts.max());
    }
    assert_eq!(logged(&log, "connect").len(), 2);
}

#[test]
fn the_rows_and_the_sums_agree() {
    let options = ["--rate", "100", "--duration", "1s", "--connections", "3"];
    let ended = Ended::of(&plain_venue(), PATH, &options);
    let rows = ended.rows();
    assert_eq!(rows.len(), 100);
    let columns = ended.file("requests.csv").lines().next().unwrap().split(',').count();
    assert!(rows.iter().all(|row| row.len() == columns), "{rows:?}");
    assert!(rows.iter().enumerate().all(|(number, row)| row[0] == number.to_string()));
    let json = ended.json();
    let longest_ns = json["latency"]["max_ns"].as_f64().unwrap();
    let longest_us = ended.column("latency_us").into_iter().fold(0.0, f64::max);
    assert!((longest_ns / 1e3 / longest_us - 1.0).abs() < 0.01, "{longest_ns} {longest_us}");
    let intervals = json["series"]["intervals"].as_array().unwrap();
    let answered = intervals.iter().map(|one| one["answered"].as_u64().unwrap()).sum::<u64>();
    let bins = json["latency"]["bins"].as_array().unwrap();
    assert_eq!(answered, 100);
    assert_eq!(bins.iter().map(|bin| bin[1].as_u64().unwrap()).sum::<u64>(), 100);
    assert_eq!(json["points"].as_array().unwrap().len(), 100);
}

/// A header may be a key, and a query may be signed: neither is in what is printed or written.
#[test]
fn secrets_are_told_nowhere() {
    let path = "/api/v3/time?signature=5ecret1";
    let options = ["--duration", "500ms", "--header", "X-Api-Key: 5ecret2"];
    let ended = Ended::of(&plain_venue(), path, &options);
    let mut all = text(&ended.output.stdout) + &text(&ended.output.stderr);
    for file in ["report.html", "requests.csv", "latency.hdr", "run.json"] {
        all += &ended.file(file);
    }
    assert!(!all.contains("5ecret") && all.contains("/api/v3/time?…") && all.contains("X-Api-Key"));
}
