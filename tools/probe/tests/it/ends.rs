//! How the program ends: what it says, and its exit status.

use mock_venue::{Options, Venue};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::run::{Ended, Run, await_requests, output, plain_venue, text};

const PATH: &str = "/api/v3/time";

#[test]
fn without_an_answer_it_fails_and_still_tells_what_happened() {
    let venue = plain_venue();
    venue.set_fault("stall".parse().unwrap()).unwrap();
    let options = ["--rate", "10", "--duration", "500ms", "--timeout", "300ms"];
    let ended = Run::begin(&venue, PATH, &options).end();
    assert_eq!(ended.output.status.code(), Some(1));
    assert!(text(&ended.output.stderr).contains("no request was answered"));
    assert_eq!((ended.count("due"), ended.count("answered")), (5, 0));
    assert!(ended.file("report.html").contains("TIMEOUT (SENT)"));
    assert_eq!(ended.rows().len(), 5);
}

#[test]
fn without_a_connection_it_says_why() {
    let address = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let ended = output(&[&format!("http://{address}/")]);
    let said = text(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1));
    assert!(said.contains("no connection to") && said.contains("refused"), "{said}");
}

#[test]
fn a_certificate_that_is_not_trusted_is_refused_and_one_of_the_file_is_taken() {
    let folder = crate::run::folder();
    let options = Options { cert_dir: Some(folder.clone()), ..Options::tls() };
    let venue = Venue::start(options).unwrap();
    let refused = output(&[&(venue.url() + PATH)]);
    assert_eq!(refused.status.code(), Some(1));
    let ca = folder.join("ca.pem");
    let ended = Ended::of(
        &venue,
        PATH,
        &["--duration", "500ms", "--ca-file", ca.to_str().unwrap(), "--rate", "20"],
    );
    assert_eq!(ended.count("answered"), 10);
    assert_eq!(ended.json()["parts"]["handshake"]["count"], 2);
}

#[test]
fn wrong_options_are_refused_before_anything_is_sent() {
    let venue = plain_venue();
    let url = venue.url();
    for (options, words) in [
        (vec!["--rate", "0"], "more than 0"),
        (vec!["--rate", "0.1", "--duration", "1s"], "less than one request"),
        (vec!["--rate", "1e6", "--duration", "1h"], "requests are more than"),
        (vec!["--connections", "2000"], "1..=1024"),
    ] {
        let refused = output(&[&[&url as &str], &options[..]].concat());
        assert_eq!(refused.status.code(), Some(2), "{options:?}");
        assert!(text(&refused.stderr).contains(words), "{}", text(&refused.stderr));
    }
    for (option, value, words) in [
        ("--header", "Bad Name: x", "VP_ERR_HEADER_NAME"),
        ("--method", "G E T", "VP_ERR_METHOD"),
        ("--body-file", "/nowhere", "/nowhere"),
        ("--addresses", "nonsense", "--addresses"),
    ] {
        let refused = output(&[&url, option, value]);
        assert_eq!(refused.status.code(), Some(1), "{option}");
        assert!(text(&refused.stderr).contains(words), "{}", text(&refused.stderr));
    }
    assert_eq!(venue.stats().requests, 0);
}

/// Ctrl-C ends the sending, and what was measured until then is told.
#[test]
fn an_interrupted_run_is_told() {
    let venue = plain_venue();
    let run = Run::begin(&venue, PATH, &["--rate", "100", "--duration", "10m"]);
    await_requests(&venue, 20);
    kill(Pid::from_raw(run.id() as i32), Signal::SIGINT).unwrap();
    let ended = run.end();
    assert!(ended.output.status.success());
    let due = ended.count("due");
    assert!((20..60_000).contains(&due), "{due}");
    assert_eq!((ended.count("answered"), venue.stats().requests), (due, due));
    assert_eq!(ended.json()["is_cut_short"], true);
    assert!(text(&ended.output.stdout).contains("ended early"));
}
