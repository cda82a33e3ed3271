//! Each outcome is produced by a test: a new one without a proof does not compile here, and a proof
//! that is gone or no longer asserts its outcome fails.

use std::fs;
use std::path::Path;

use venuepool::error::Outcome;

/// Where an outcome is produced.
enum Proof {
    /// By a case of this name in the table of the decoder, which `each_case_gives_its_verdict_...`
    /// runs in every way.
    Case(&'static str),
    /// By a real pool and a real peer, in a test of this name in a file of `tests/it`.
    Pool(&'static str, &'static str),
}

use Proof::{Case, Pool};

fn proof(outcome: Outcome) -> Proof {
    match outcome {
        Outcome::Ok => Pool("responses", "every_kind_of_good_response_keeps_the_connection"),
        Outcome::Timeout => Pool("wire_state", "a_timeout_in_the_queue_is_not_sent"),
        Outcome::Cancelled => Pool("wire_state", "a_timeout_in_the_queue_is_not_sent"),
        Outcome::Shutdown => {
            Pool("lifecycle", "without_grace_what_is_in_flight_fails_with_its_wire_state")
        }
        Outcome::ConnectionReset => {
            Pool("wire_state", "a_reset_instead_of_an_answer_is_sent_and_never_resent")
        }
        Outcome::IoError => {
            Pool("outcomes", "a_socket_that_the_host_program_replaced_is_an_io_error")
        }
        Outcome::TlsError => Pool("outcomes", "bytes_that_are_no_tls_end_the_exchange"),
        Outcome::Suspended => Pool("suspend", "a_pause_empties_the_line"),
        Outcome::Draining => Pool("drain", "what_waits_in_a_lane_that_closes_ends_not_sent"),
        Outcome::UnsolicitedResponse => {
            Pool("outcomes", "an_answer_to_a_request_that_was_not_sent_is_unsolicited")
        }
        Outcome::OutOfMemory => {
            Pool("memory", "without_memory_for_a_response_its_exchange_ends_and_the_pool_goes_on")
        }
        Outcome::Internal => {
            Pool("outcomes", "a_panic_on_the_pool_thread_ends_the_exchange_in_flight_as_internal")
        }
        Outcome::ConnectionClosed => Case("EOF in the body"),
        Outcome::BadStatusLine => Case("another protocol"),
        Outcome::BadVersion => Case("HTTP/1.2"),
        Outcome::BadHeader => Case("W9: obs-fold by space"),
        Outcome::HeadTooLarge => Case("W12: head over the limit"),
        Outcome::TooManyHeaders => Case("headers over the limit"),
        Outcome::TooManyInterim => Case("17 interim responses"),
        Outcome::UnexpectedUpgrade => Case("101"),
        Outcome::BadContentLength => Case("W4: differing lengths"),
        Outcome::BadTransferEncoding => Case("W5: chunked is not last"),
        Outcome::AmbiguousLength => Case("W5: both lengths"),
        Outcome::BadChunk => Case("W7: garbage behind the data"),
        Outcome::ChunkOverhead => Case("chunk line over the limit"),
        Outcome::BadTrailer => Case("trailer folded"),
        Outcome::TrailersTooLarge => Case("W15: trailers over the limit"),
        Outcome::BodyTooLarge => Case("length over the limit"),
        Outcome::BodyTruncated => Case("until close, unclean"),
    }
}

/// The cases of the codec, in all files of their table.
fn cases() -> String {
    let files = ["cases", "cases/chunked", "cases/endings", "cases/limits"];
    files.map(|file| read(&format!("src/http/exchange/tests/{file}.rs"))).concat()
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The lines of a function at the left margin, its attribute's line before it.
fn function<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let start = text.find(&format!("\n#[test]\nfn {name}("))?;
    let end = text[start..].find("\n}\n")?;
    Some(&text[start..start + end])
}

#[test]
fn every_outcome_is_produced_by_a_test() {
    let cases = cases();
    let decoder = read("src/http/exchange/tests.rs");
    // The table is run, and what its cases want is compared with all that the decoder can say.
    for test in
        ["each_case_gives_its_verdict_however_it_is_cut", "every_outcome_of_a_response_is_produced"]
    {
        assert!(function(&decoder, test).is_some(), "{test} is gone");
    }
    for outcome in Outcome::ALL {
        match proof(*outcome) {
            Case(case) => {
                assert!(cases.contains(&format!("\"{case}\"")), "{outcome:?}: {case} is gone");
                assert!(cases.contains(&format!("Outcome::{outcome:?}")), "{outcome:?}");
            }
            Pool(file, test) => {
                let text = read(&format!("tests/it/{file}.rs"));
                let body = function(&text, test);
                let body = body.unwrap_or_else(|| panic!("{outcome:?}: {test} is gone"));
                let asserts = |line: &str| {
                    line.contains("assert") && line.contains(&format!("Outcome::{outcome:?}"))
                };
                assert!(body.lines().any(asserts), "{test} does not assert {outcome:?}");
            }
        }
    }
}
