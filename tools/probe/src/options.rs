//! The options of the command line, checked before anything is sent.
//!
//! It knows how values are written. What they mean for a pool is in `probe.rs`.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// Each request takes about 80 bytes until the report is written.
const MOST_REQUESTS: u64 = 2_000_000;

/// Measures a venue's endpoint over hot connections, at a given rate, and reports it.
#[derive(Parser)]
#[command(name = "venuepool-probe", version, args_conflicts_with_subcommands = true)]
#[command(subcommand_negates_reqs = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Instead>,
    #[command(flatten)]
    pub(crate) probe: Probe,
}

#[derive(Subcommand)]
pub(crate) enum Instead {
    /// Writes a page that lays two runs over each other.
    Compare {
        /// The first run, as --json has written it.
        first: PathBuf,
        /// The second one.
        second: PathBuf,
        /// Where the page goes.
        #[arg(long, value_name = "FILE", default_value = "compare.html")]
        html: PathBuf,
    },
}

/// What is sent where, how often, and what is written.
#[derive(Args)]
pub(crate) struct Probe {
    /// The endpoint, such as https://api.example.com/api/v3/time.
    #[arg(required = true)]
    url: Option<Target>,
    /// How many connections are kept, 1 to 1024. The requests go over them in turn.
    #[arg(long, value_name = "N", default_value_t = 2,
        value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) connections: u16,
    /// How many requests are sent each second, whether answers come or not.
    #[arg(long, value_name = "R", default_value_t = 10.0, value_parser = rate)]
    pub(crate) rate: f64,
    /// For how long, such as 10s or 5m.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time)]
    pub(crate) duration: Duration,
    /// For how long before that requests are sent that do not count.
    #[arg(long, value_name = "TIME", default_value = "1s",
        value_parser = humantime::parse_duration)]
    pub(crate) warm_up: Duration,
    /// How long after its intended time a request may be answered.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = time)]
    pub(crate) timeout: Duration,
    /// The method.
    #[arg(long, default_value = "GET")]
    pub(crate) method: String,
    /// A header of each request, such as 'X-Api-Key: abc'. Repeatable.
    #[arg(long = "header", value_name = "NAME: VALUE")]
    pub(crate) headers: Vec<Header>,
    /// The file with the body of each request.
    #[arg(long, value_name = "FILE")]
    pub(crate) body_file: Option<PathBuf>,
    /// The file with the certificates to trust (PEM), instead of the public ones.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Connect to these addresses, such as 192.0.2.1,192.0.2.2, and do not look the name up.
    #[arg(long, value_name = "LIST")]
    pub(crate) addresses: Option<String>,
    /// Replace connections of that age.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) max_age: Option<Duration>,
    /// Write report.html, requests.csv, latency.hdr and run.json to this folder.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write the page to this file.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write one row for each request to this file.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write a log of HdrHistogram to this file.
    #[arg(long, value_name = "FILE")]
    hdr: Option<PathBuf>,
    /// Write what the page shows to this file, for `compare`.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// The files to be written.
pub(crate) struct Files {
    pub(crate) html: Option<PathBuf>,
    pub(crate) csv: Option<PathBuf>,
    pub(crate) hdr: Option<PathBuf>,
    pub(crate) json: Option<PathBuf>,
}

impl Probe {
    /// The endpoint. The parser has refused a command line without one.
    pub(crate) fn target(&self) -> &Target {
        self.url.as_ref().expect("clap requires it")
    }

    /// Why these options do not go together, if they do not.
    pub(crate) fn refusal(&self) -> Option<String> {
        let requests = self.rate * (self.duration + self.warm_up).as_secs_f64();
        if self.rate * self.duration.as_secs_f64() < 1.0 {
            return Some("--rate times --duration is less than one request".to_owned());
        }
        (requests > MOST_REQUESTS as f64)
            .then(|| format!("{requests:.0} requests are more than {MOST_REQUESTS}"))
    }

    /// Where what is to be written, and the folder that is to be made for it.
    pub(crate) fn files(&self) -> (Files, Option<&PathBuf>) {
        let place = |file: &Option<PathBuf>, name: &str| {
            file.clone().or_else(|| self.out.as_ref().map(|folder| folder.join(name)))
        };
        let files = Files {
            html: place(&self.html, "report.html"),
            csv: place(&self.csv, "requests.csv"),
            hdr: place(&self.hdr, "latency.hdr"),
            json: place(&self.json, "run.json"),
        };
        (files, self.out.as_ref())
    }
}

/// A URL in two parts: the origin is the pool's, the path each request's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) origin: String,
    /// With its query.
    pub(crate) path: String,
}

impl FromStr for Target {
    type Err = &'static str;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        let host = url.find("://").ok_or("http:// or https:// is missing")? + 3;
        let end = url[host..].find(['/', '?', '#']).map_or(url.len(), |at| host + at);
        let (origin, path) = url.split_at(end);
        let path = match path.as_bytes().first() {
            None => "/".to_owned(),
            Some(b'/') => path.to_owned(),
            Some(_) => format!("/{path}"),
        };
        Ok(Self { origin: origin.to_owned(), path })
    }
}

impl Target {
    /// The path without its query, which may hold a signature.
    pub(crate) fn shown_path(&self) -> String {
        match self.path.split_once('?') {
            Some((path, _)) => format!("{path}?…"),
            None => self.path.clone(),
        }
    }
}

/// One header. The value may be a secret, and is shown nowhere.
#[derive(Clone)]
pub(crate) struct Header {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl FromStr for Header {
    type Err = &'static str;

    fn from_str(header: &str) -> Result<Self, Self::Err> {
        let (name, value) = header.split_once(':').ok_or("a colon is missing")?;
        Ok(Self { name: name.trim().to_owned(), value: value.trim().to_owned() })
    }
}

fn rate(text: &str) -> Result<f64, &'static str> {
    let rate: f64 = text.parse().map_err(|_| "this is no number")?;
    if rate.is_finite() && rate > 0.0 { Ok(rate) } else { Err("it must be more than 0") }
}

/// A time that is not 0.
fn time(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if time.is_zero() { Err("it must be more than 0".to_owned()) } else { Ok(time) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> (String, String) {
        let target: Target = url.parse().unwrap();
        (target.origin, target.path)
    }

    #[test]
    fn a_url_is_an_origin_and_a_path_with_its_query() {
        let wanted = |origin: &str, path: &str| (origin.to_owned(), path.to_owned());
        assert_eq!(target("https://a.example"), wanted("https://a.example", "/"));
        assert_eq!(target("http://a:81/b/c?d=/e"), wanted("http://a:81", "/b/c?d=/e"));
        assert_eq!(target("http://[::1]:81?d"), wanted("http://[::1]:81", "/?d"));
        assert!("a.example/b".parse::<Target>().is_err());
    }

    #[test]
    fn a_query_is_not_shown() {
        let target: Target = "https://a/b?signature=secret".parse().unwrap();
        assert_eq!(target.shown_path(), "/b?…");
    }

    fn parsed(more: &[&str]) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from([&["venuepool-probe"], more].concat())
    }

    #[test]
    fn too_few_and_too_many_requests_are_refused() {
        let refusal = |more: &[&str]| parsed(more).unwrap().probe.refusal();
        assert!(refusal(&["http://a"]).is_none());
        let few = ["http://a", "--rate", "0.5", "--duration", "1s"];
        assert!(refusal(&few).unwrap().contains("less than one"));
        let many = ["http://a", "--rate", "1e6", "--duration", "1m"];
        assert!(refusal(&many).unwrap().contains("more than 2000000"));
    }

    #[test]
    fn values_out_of_range_are_refused() {
        for (option, value) in [
            ("--rate", "0"),
            ("--rate", "-1"),
            ("--rate", "inf"),
            ("--duration", "0s"),
            ("--duration", "soon"),
            ("--connections", "0"),
            ("--connections", "1025"),
            ("--header", "no colon"),
        ] {
            assert!(parsed(&["http://a", &format!("{option}={value}")]).is_err(), "{option}");
        }
        assert!(parsed(&[]).is_err(), "there is no URL");
        assert!(parsed(&["compare", "a", "b"]).is_ok());
    }

    #[test]
    fn a_folder_gets_all_files_and_a_file_of_its_own_goes_before() {
        let arguments = parsed(&["http://a", "--out", "o", "--csv", "c.csv"]).unwrap();
        let (files, folder) = arguments.probe.files();
        assert_eq!(folder.unwrap(), &PathBuf::from("o"));
        assert_eq!(files.html.unwrap(), PathBuf::from("o/report.html"));
        assert_eq!(files.csv.unwrap(), PathBuf::from("c.csv"));
        assert!(parsed(&["http://a"]).unwrap().probe.files().0.json.is_none());
    }
}
