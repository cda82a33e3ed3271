//! Answers that break off behind their heads: what had come is told, and is never taken for whole.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mock_venue::{Certificates, Peer, Script, Transport};
use venuepool::completion::Completion;
use venuepool::config::{Config, Drive};
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{Outcome, WireState};

use crate::rig::{PATIENCE, body, config, order, request, status, until};

const MS: u64 = 1_000_000;
const HEAD: &str = "HTTP/1.1 502 Bad Gateway\r\nX-Order: 4711\r\n";

/// What becomes of the exchange behind the head.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Reset,
    Close,
    BadChunk,
    Timeout,
    Cancel,
    /// As `Cancel`, of a request that may have ended already.
    CancelIfThere,
    Shutdown,
}

/// How the body that breaks off is framed, and what is behind the head.
#[derive(Clone, Copy, Debug)]
enum Framing {
    Length,
    Chunked,
}

const FRAMINGS: [Framing; 2] = [Framing::Length, Framing::Chunked];

impl Framing {
    fn bytes(self) -> String {
        match self {
            Self::Length => format!("{HEAD}Content-Length: 100\r\n\r\nhello wo"),
            Self::Chunked => {
                format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n wo")
            }
        }
    }
}

/// Settings for one case: of the pool, and of its peer.
struct Case {
    drive: Drive,
    certificates: Option<Certificates>,
    adjust: fn(&mut Config),
}

/// Submits an order whose answer breaks off so, and answers its completion and the pool.
fn broken(case: &Case, bytes: String, end: End) -> (Completion, Arc<Pool>) {
    let (tell, written) = channel();
    let tell = Mutex::new(tell);
    let act = move |peer: &mut Peer, _| {
        if !matches!(peer.read_request(), Ok(Some(_))) {
            return;
        }
        peer.write(bytes.as_bytes()).unwrap();
        match end {
            End::Reset => peer.reset().unwrap(),
            End::Close => {
                peer.close_notify().unwrap();
                peer.finish().unwrap();
            }
            End::BadChunk => peer.write(b"rld\r\nno size").unwrap(),
            _ => {}
        }
        let _ = tell.lock().unwrap().send(());
        let _ = peer.wait_eof();
    };
    let server = match &case.certificates {
        None => Script::serve(act).unwrap(),
        Some(certificates) => Script::serve_tls(Transport::Tls, certificates, act).unwrap(),
    };
    let mut config = config(&server.url(), 1);
    if let Some(certificates) = &case.certificates {
        config.set_ca_pem(certificates.ca_pem().as_bytes()).unwrap();
    }
    config.set_drive(case.drive);
    (case.adjust)(&mut config);
    let pool = Pool::open(&config).unwrap();
    let mut request = request(&pool);
    order(&mut request, "4711");
    if end == End::Timeout {
        request.set_timeout_ns(100 * MS);
    }
    let id = pool.submit(&mut request, None, WhenBusy::Refuse).unwrap();
    written.recv_timeout(PATIENCE).unwrap();
    match end {
        End::Cancel | End::CancelIfThere => {
            let cancelled = pool.cancel(id);
            assert!(end == End::CancelIfThere || cancelled.is_ok());
        }
        End::Shutdown => pool.shutdown(Duration::ZERO),
        _ => {}
    }
    let mut taken = None;
    let done = until(|| {
        let _ = pool.poll(1, |done| taken = Some(done));
        taken.take()
    });
    (done, pool)
}

fn outcome(end: End) -> Outcome {
    match end {
        End::Reset => Outcome::ConnectionReset,
        End::Close => Outcome::ConnectionClosed,
        End::BadChunk => Outcome::BadChunk,
        End::Timeout => Outcome::Timeout,
        End::Cancel | End::CancelIfThere => Outcome::Cancelled,
        End::Shutdown => Outcome::Shutdown,
    }
}

fn cases() -> impl Iterator<Item = Case> {
    let tls = || Some(Certificates::new().unwrap());
    [Drive::Thread, Drive::Caller].into_iter().flat_map(move |drive| {
        [None, tls()].map(|certificates| Case { drive, certificates, adjust: |_| {} })
    })
}

#[test]
fn what_came_of_an_answer_is_told_with_every_outcome_and_is_not_whole() {
    let ends = [End::Reset, End::Close, End::BadChunk, End::Timeout, End::Cancel, End::Shutdown];
    for case in cases() {
        for (end, framing) in ends.into_iter().flat_map(|e| FRAMINGS.map(|f| (e, f))) {
            if end == End::BadChunk && matches!(framing, Framing::Length) {
                continue;
            }
            let how = format!("{end:?} {framing:?} {:?}", case.drive);
            let (done, pool) = broken(&case, framing.bytes(), end);
            let told = (done.outcome, done.wire_state);
            assert_eq!(told, (outcome(end), WireState::Answering), "{how}");
            assert_eq!(status(&done), 502, "{how}");
            let response = &done.response.as_ref().unwrap().response;
            assert_eq!(response.find(b"x-order"), Some(&b"4711"[..]), "{how}");
            let came = if end == End::BadChunk { "hello world" } else { "hello wo" };
            assert_eq!(body(&done), came, "{how}");
            assert_eq!(response.body_padded()[came.len()..], [0; 64], "{how}");
            assert!(!response.is_complete(), "{how}");
            pool.close().unwrap();
        }
    }
}

#[test]
fn an_answer_that_breaks_off_in_its_head_tells_nothing_of_it() {
    for case in cases() {
        for bytes in ["HTTP/1.1 502 Bad", "HTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n"] {
            let (done, pool) = broken(&case, bytes.to_owned(), End::Close);
            let told = (done.outcome, done.wire_state);
            assert_eq!(told, (Outcome::ConnectionClosed, WireState::Answering));
            assert!(done.response.is_none());
            pool.close().unwrap();
        }
    }
}

/// The head is whole, and nothing behind it can be trusted.
#[test]
fn a_head_that_is_refused_for_its_framing_is_told_without_a_body() {
    for case in cases() {
        for (fields, outcome) in [
            ("Content-Length: 3\r\nTransfer-Encoding: chunked", Outcome::AmbiguousLength),
            ("Content-Length: 99999999999", Outcome::BodyTooLarge),
            ("Content-Length: x", Outcome::BadContentLength),
        ] {
            let bytes = format!("{HEAD}{fields}\r\n\r\nbody");
            let (done, pool) = broken(&case, bytes, End::CancelIfThere);
            assert_eq!((done.outcome, done.wire_state), (outcome, WireState::Answering));
            assert_eq!((status(&done), body(&done)), (502, String::new()), "{fields}");
            pool.close().unwrap();
        }
    }
}

/// The completion has a copy of what had come; the rest goes on into the late answer.
#[test]
fn what_came_before_a_deadline_is_told_also_when_the_rest_is_waited_for() {
    for mut case in cases() {
        case.adjust = |config| config.set_linger_ns(60_000 * MS).unwrap();
        for framing in FRAMINGS {
            let (done, pool) = broken(&case, framing.bytes(), End::Timeout);
            assert_eq!((done.outcome, done.wire_state), (Outcome::Timeout, WireState::Answering));
            assert_eq!((status(&done), body(&done)), (502, "hello wo".to_owned()));
            assert!(!done.response.as_ref().unwrap().response.is_complete());
            pool.close().unwrap();
        }
    }
}

#[test]
fn a_status_whose_answer_breaks_off_suspends_as_well() {
    for mut case in cases() {
        case.adjust = |config| config.suspend_on(502, 60_000 * MS, false).unwrap();
        for end in [End::Close, End::Timeout] {
            let (done, pool) = broken(&case, Framing::Length.bytes(), end);
            assert_eq!((done.outcome, status(&done)), (outcome(end), 502));
            assert_ne!(pool.suspended_until_ns(), 0);
            pool.close().unwrap();
        }
    }
}

/// What has come before the cancel was looked at came first.
#[test]
fn a_whole_answer_that_is_here_when_a_request_is_cancelled_is_its_end() {
    for case in cases() {
        let bytes = format!("{HEAD}Content-Length: 5\r\n\r\nhello");
        // In thread drive the answer may have been taken before the cancel, which is as good.
        let (done, pool) = broken(&case, bytes, End::CancelIfThere);
        assert_eq!((done.outcome, done.wire_state), (Outcome::Ok, WireState::Answered));
        assert!(done.response.as_ref().unwrap().response.is_complete());
        pool.close().unwrap();
    }
}
