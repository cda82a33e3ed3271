//! The cases of the Autobahn test suite for clients, re-expressed by their numbers: 1 to 5, 7, 9
//! and 10 here, 6 in `utf8.rs`.
//!
//! The suite's server sends frames and expects an echo, a pong or a close. Here its bytes are given
//! to a client made of the codec's parts, whole and in single bytes, and in the suite's own pieces
//! where it has some. Cases that the suite calls informational (5000 and 65535 as close codes) have
//! the verdict of RFC 6455 section 7.4.

use venuepool::ws::error::Error;
use venuepool::ws::frame::Kind;

use crate::peer::{Outcome, Sent, fragments, frame, run};

pub(crate) struct Case {
    number: String,
    bytes: Vec<u8>,
    /// The pieces in which the bytes come.
    steps: Vec<usize>,
    at_once: bool,
    want: Outcome,
}

/// A case that ends with a close of the server, which is answered.
pub(crate) fn good(number: &str, frames: &[Vec<u8>], sent: &[Sent]) -> Case {
    let close = frame(0x88, &1000_u16.to_be_bytes());
    let sent = [sent, &[Sent::Close(b"\x03\xe8".to_vec())]].concat();
    let want = Outcome { sent, error: None, clean: true };
    Case::new(number, [frames.concat(), close].concat(), want)
}

/// A case whose last frame is refused, after `sent`. More frames follow, and change nothing.
pub(crate) fn fails(number: &str, frames: &[Vec<u8>], sent: &[Sent], error: Error) -> Case {
    let code = error.close_code().unwrap().to_be_bytes().to_vec();
    let want =
        Outcome { sent: [sent, &[Sent::Close(code)]].concat(), error: Some(error), clean: false };
    Case::new(number, [frames.concat(), frame(0x89, b"behind")].concat(), want)
}

/// A case in which the server closes, answered by a close with `payload`.
fn closes(number: &str, frames: &[Vec<u8>], sent: &[Sent], payload: &[u8]) -> Case {
    let sent = [sent, &[Sent::Close(payload.to_vec())]].concat();
    Case::new(number, frames.concat(), Outcome { sent, error: None, clean: true })
}

impl Case {
    fn new(number: &str, bytes: Vec<u8>, want: Outcome) -> Self {
        Self { number: number.to_owned(), bytes, steps: vec![1, 2], at_once: true, want }
    }

    fn steps(mut self, steps: &[usize]) -> Self {
        self.steps = steps.to_vec();
        self
    }

    /// The bytes come in these pieces only: all at once would take long.
    fn only_steps_of(mut self, step: usize) -> Self {
        self.steps = vec![step];
        self.at_once = false;
        self
    }

    pub(crate) fn check(&self) {
        let at_once = self.at_once.then_some(self.bytes.len());
        for step in self.steps.iter().copied().chain(at_once) {
            let found = run(&self.bytes, step);
            // Without the bytes, which may be millions.
            assert!(found == self.want, "case {} by {step}: {:?}", self.number, found.error);
        }
    }
}

fn check(cases: &[Case], count: usize) {
    let mut numbers: Vec<_> = cases.iter().map(|case| &case.number).collect();
    numbers.sort();
    numbers.dedup();
    assert_eq!((numbers.len(), cases.len()), (count, count), "each number once");
    cases.iter().for_each(Case::check);
}

fn text(text: &str) -> Sent {
    Sent::Text(text.as_bytes().to_vec())
}

/// 1.1.1 to 1.2.8: one message of each interesting length, text and binary.
#[test]
fn cases_1_messages() {
    let lengths = [0, 125, 126, 127, 128, 65_535, 65_536, 65_536];
    let mut cases = Vec::new();
    for (index, len) in lengths.into_iter().enumerate() {
        let (text, binary) = (vec![b'*'; len], vec![0xfe; len]);
        let steps: &[usize] = if index == 7 { &[997] } else { &[1, 3] };
        let number = format!("1.1.{}", index + 1);
        cases.push(good(&number, &[frame(0x81, &text)], &[Sent::Text(text)]).steps(steps));
        let number = format!("1.2.{}", index + 1);
        cases.push(good(&number, &[frame(0x82, &binary)], &[Sent::Binary(binary)]).steps(steps));
    }
    check(&cases, 16);
}

#[test]
fn cases_2_pings_and_pongs() {
    let pong = |payload: &[u8]| Sent::Pong(payload.to_vec());
    let hello = b"Hello, world!";
    let binary = b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff";
    let ten: Vec<_> = (0..10).map(|i| format!("payload-{i}").into_bytes()).collect();
    let pings: Vec<_> = ten.iter().map(|payload| frame(0x89, payload)).collect();
    let pongs: Vec<_> = ten.iter().map(|payload| pong(payload)).collect();
    let unsolicited = frame(0x8a, b"unsolicited pong payload");
    let cases = [
        good("2.1", &[frame(0x89, b"")], &[pong(b"")]),
        good("2.2", &[frame(0x89, hello)], &[pong(hello)]),
        good("2.3", &[frame(0x89, binary)], &[pong(binary)]),
        good("2.4", &[frame(0x89, &[0xfe; 125])], &[pong(&[0xfe; 125])]),
        fails("2.5", &[frame(0x89, &[0xfe; 126])], &[], Error::ControlTooLong),
        good("2.6", &[frame(0x89, &[0xfe; 125])], &[pong(&[0xfe; 125])]).steps(&[1]),
        good("2.7", &[frame(0x8a, b"")], &[]),
        good("2.8", std::slice::from_ref(&unsolicited), &[]),
        good("2.9", &[unsolicited, frame(0x89, b"ping payload")], &[pong(b"ping payload")]),
        good("2.10", &pings, &pongs),
        good("2.11", &pings, &pongs).steps(&[1]),
    ];
    check(&cases, 11);
}

#[test]
fn cases_3_reserved_bits() {
    let hello = frame(0x81, b"Hello, world!");
    let reserved = |number: &str, rsv: u8, first: u8, payload: &[u8]| {
        let frames = [hello.clone(), frame(first | rsv << 4, payload), frame(0x89, b"")];
        let is_second = ["3.2", "3.3", "3.4"].contains(&number);
        let frames = if is_second { &frames[..] } else { &frames[1..2] };
        let sent = if is_second { &[text("Hello, world!")][..] } else { &[] };
        fails(number, frames, sent, Error::ReservedBits)
    };
    let cases = [
        reserved("3.1", 1, 0x81, b"Hello, world!"),
        reserved("3.2", 2, 0x81, b"Hello, world!"),
        reserved("3.3", 3, 0x81, b"Hello, world!").steps(&[15, 30]),
        reserved("3.4", 4, 0x81, b"Hello, world!").steps(&[1]),
        reserved("3.5", 5, 0x82, b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"),
        reserved("3.6", 6, 0x89, b"Hello, world!"),
        reserved("3.7", 7, 0x88, b""),
    ];
    check(&cases, 7);
}

#[test]
fn cases_4_reserved_opcodes() {
    let hello = frame(0x81, b"Hello, world!");
    let mut cases = Vec::new();
    for (group, first) in [(1, 3_u8), (2, 11)] {
        for (index, opcode) in (first..first + 5).enumerate() {
            let number = format!("4.{group}.{}", index + 1);
            let payload: &[u8] = if index == 0 { b"" } else { b"reserved opcode payload" };
            let reserved = frame(0x80 | opcode, payload);
            // The third to the fifth come behind a text, which is echoed.
            let (frames, sent) = match index {
                0 | 1 => (vec![reserved], vec![]),
                _ => (vec![hello.clone(), reserved, frame(0x89, b"")], vec![text("Hello, world!")]),
            };
            cases.push(fails(&number, &frames, &sent, Error::ReservedOpcode));
        }
    }
    check(&cases, 10);
}

#[test]
fn cases_5_fragments() {
    let whole = |number: &str, frames: &[Vec<u8>], sent: &[Sent]| good(number, frames, sent);
    let (one, two) = (frame(0x01, b"fragment1"), frame(0x80, b"fragment2"));
    let ping = frame(0x89, b"ping payload");
    let joined = text("fragment1fragment2");
    let pong = || Sent::Pong(b"ping payload".to_vec());
    let split = [one.clone(), two.clone()];
    let with_ping = [one.clone(), ping.clone(), two.clone()];
    let orphan =
        |first: u8| [frame(first, b"non-continuation payload"), frame(0x81, b"Hello, world!")];
    let lost = Error::UnexpectedContinuation;
    let behind = [one.clone(), two.clone(), frame(0x00, b"fragment3"), frame(0x81, b"fragment4")];
    let open = [frame(0x00, b"fragment1"), frame(0x01, b"fragment2"), frame(0x80, b"fragment3")];
    let closed = [frame(0x80, b"fragment1"), frame(0x01, b"fragment2"), frame(0x80, b"fragment3")];
    let begun = [one.clone(), frame(0x81, b"fragment2")];
    let five = [
        one,
        frame(0x00, b"fragment2"),
        ping.clone(),
        frame(0x00, b"fragment3"),
        frame(0x00, b"fragment4"),
        ping,
        frame(0x80, b"fragment5"),
    ];
    let all = text("fragment1fragment2fragment3fragment4fragment5");
    let cases = [
        fails("5.1", &[frame(0x09, b"fragment1"), two.clone()], &[], Error::FragmentedControl),
        fails("5.2", &[frame(0x0a, b"fragment1"), two], &[], Error::FragmentedControl),
        whole("5.3", &split, std::slice::from_ref(&joined)),
        whole("5.4", &split, std::slice::from_ref(&joined)).steps(&[11]),
        whole("5.5", &split, std::slice::from_ref(&joined)).steps(&[1]),
        whole("5.6", &with_ping, &[pong(), joined.clone()]),
        whole("5.7", &with_ping, &[pong(), joined.clone()]).steps(&[11, 14]),
        whole("5.8", &with_ping, &[pong(), joined.clone()]).steps(&[1]),
        fails("5.9", &orphan(0x80), &[], lost),
        fails("5.10", &orphan(0x80), &[], lost).steps(&[26]),
        fails("5.11", &orphan(0x80), &[], lost).steps(&[1]),
        fails("5.12", &orphan(0x00), &[], lost),
        fails("5.13", &orphan(0x00), &[], lost).steps(&[26]),
        fails("5.14", &orphan(0x00), &[], lost).steps(&[1]),
        fails("5.15", &behind, &[joined], lost),
        fails("5.16", &open, &[], lost),
        fails("5.17", &closed, &[], lost),
        fails("5.18", &begun, &[], Error::ExpectedContinuation),
        whole("5.19", &five, &[pong(), pong(), all.clone()]).steps(&[11]),
        whole("5.20", &five, &[pong(), pong(), all]).steps(&[1]),
    ];
    check(&cases, 20);
}

#[test]
fn cases_7_closes() {
    let hello = frame(0x81, b"Hello World!");
    let echo = text("Hello World!");
    let code = |code: u16| frame(0x88, &code.to_be_bytes());
    let normal = b"\x03\xe8";
    let long = vec![b'B'; 256 * 1024];
    let ping = frame(0x89, b"ping");
    let reason = |len: usize| frame(0x88, &[&normal[..], &vec![b'*'; len]].concat());
    let within = [frame(0x01, b"fragment1"), code(1000), frame(0x80, b"fragment2")];
    let bad_reason = [&normal[..], b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80e"];
    let mut cases = vec![
        closes("7.1.1", &[hello.clone(), code(1000)], std::slice::from_ref(&echo), normal),
        closes("7.1.2", &[code(1000), code(1000)], &[], normal),
        closes("7.1.3", &[code(1000), ping.clone()], &[], normal),
        closes("7.1.4", &[code(1000), hello.clone()], &[], normal),
        closes("7.1.5", &within, &[], normal),
        closes("7.1.6", &[frame(0x81, &long), code(1000), ping], &[Sent::Text(long)], normal)
            .steps(&[4096]),
        closes("7.3.1", &[frame(0x88, b"")], &[], b""),
        fails("7.3.2", &[frame(0x88, b"a")], &[], Error::BadCloseLength),
        closes("7.3.3", &[code(1000)], &[], normal),
        closes("7.3.4", &[reason(12)], &[], normal),
        closes("7.3.5", &[reason(123)], &[], normal),
        fails("7.3.6", &[reason(124)], &[], Error::ControlTooLong),
        fails("7.5.1", &[frame(0x88, &bad_reason.concat())], &[], Error::BadCloseReason),
    ];
    let valid = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999_u16];
    for (index, valid) in valid.into_iter().enumerate() {
        let number = format!("7.7.{}", index + 1);
        cases.push(closes(&number, &[code(valid)], &[], &valid.to_be_bytes()));
    }
    let invalid = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999];
    for (index, invalid) in invalid.into_iter().enumerate() {
        let number = format!("7.9.{}", index + 1);
        cases.push(fails(&number, &[code(invalid)], &[], Error::BadCloseCode));
    }
    cases.push(fails("7.13.1", &[code(5000)], &[], Error::BadCloseCode));
    cases.push(fails("7.13.2", &[code(65535)], &[], Error::BadCloseCode));
    check(&cases, 37);
}

/// 9.1 to 9.8: large messages, in one frame, in fragments and in pieces, and many small ones.
#[test]
fn cases_9_limits_and_performance() {
    const K: usize = 1024;
    const M: usize = 1024 * K;
    let payload = |kind, len| match kind {
        Kind::Text => vec![b'*'; len],
        Kind::Binary => vec![0xfe; len],
    };
    let echo = |kind, payload| match kind {
        Kind::Text => Sent::Text(payload),
        Kind::Binary => Sent::Binary(payload),
    };
    let mut cases = Vec::new();
    for (kind, groups) in [(Kind::Text, [1, 3, 5, 7]), (Kind::Binary, [2, 4, 6, 8])] {
        let [whole, split, cut, many] = groups;
        let mut add = |group: i32, index: usize, frames: Vec<u8>, sent: &[Sent], step| {
            let number = format!("9.{group}.{}", index + 1);
            cases.push(good(&number, &[frames], sent).only_steps_of(step));
        };
        for (index, len) in [64 * K, 256 * K, M, 4 * M, 8 * M, 16 * M].into_iter().enumerate() {
            let payload = payload(kind, len);
            let frames = fragments(kind, &payload, len);
            add(whole, index, frames, &[echo(kind, payload)], 64 * K);
        }
        for index in 0..9 {
            let payload = payload(kind, 4 * M);
            let frames = fragments(kind, &payload, 64 << (2 * index));
            add(split, index, frames, &[echo(kind, payload)], 64 * K);
        }
        for index in 0..6 {
            let payload = payload(kind, M);
            let frames = fragments(kind, &payload, M);
            add(cut, index, frames, &[echo(kind, payload)], 64 << index);
        }
        for (index, len) in [0, 16, 64, 256, K, 4 * K].into_iter().enumerate() {
            let payload = payload(kind, len);
            let frames = fragments(kind, &payload, len.max(1)).repeat(1000);
            add(many, index, frames, &vec![echo(kind, payload); 1000], 64 * K);
        }
    }
    check(&cases, 54);
}

/// 10.1.1: a text of 64 KiB in fragments of 1300 bytes.
#[test]
fn cases_10_automatic_fragments() {
    let payload = vec![b'*'; 65_536];
    let frames = fragments(Kind::Text, &payload, 1300);
    check(&[good("10.1.1", &[frames], &[Sent::Text(payload)]).steps(&[1, 1300])], 1);
}
