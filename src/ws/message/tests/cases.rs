//! The table: what a server may send, and what becomes of it.

use super::super::*;
use super::feed::Seen::{Binary, Close, Ping, Pong, Text};
use super::feed::{Case, Seen, Verdict, frame};
use crate::ws::extension::DeflateAgreed;
use crate::ws::settings::Limits;

/// "Hello", compressed by itself (RFC 7692 section 7.2.3.1).
const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
/// "Hello" once more, by reference to the first (RFC 7692 section 7.2.3.2).
const AGAIN: [u8; 5] = [0xf2, 0x00, 0x11, 0x00, 0x00];

pub(super) fn table() -> Vec<Case> {
    let parts = [messages(), fragments(), controls(), headers(), limits(), texts(), closes()];
    parts.into_iter().flatten().chain(compressed()).collect()
}

fn ok(name: &str, frames: &[Vec<u8>], seen: Vec<Seen>) -> Case {
    Case { want: Verdict { seen, error: None }, ..Case::new(name, &frames.concat()) }
}

fn bad(name: &str, error: Error, frames: &[Vec<u8>], seen: Vec<Seen>) -> Case {
    Case { want: Verdict { seen, error: Some(error) }, ..Case::new(name, &frames.concat()) }
}

impl Case {
    fn incomplete(self) -> Self {
        Self { is_whole: false, ..self }
    }

    fn limits(mut self, frame: usize, message: usize, fragments: usize) -> Self {
        self.settings.limits =
            Limits { max_frame_size: frame, max_message_size: message, max_fragments: fragments };
        self
    }

    fn unchecked(mut self) -> Self {
        self.settings.check_utf8 = false;
        self
    }

    fn deflate(mut self, forgets: bool) -> Self {
        let agreed =
            DeflateAgreed { server_no_context_takeover: forgets, server_max_window_bits: 15 };
        self.settings.deflate = Some(agreed);
        self
    }
}

fn text(text: &str) -> Seen {
    Text(text.as_bytes().to_vec())
}

fn messages() -> Vec<Case> {
    let of = |len: usize| vec![b'*'; len];
    let mut cases: Vec<_> = [0, 1, 125, 126, 127, 128, 65_535, 65_536, 70_000]
        .into_iter()
        .flat_map(|len| {
            [
                ok(&format!("text of {len} bytes"), &[frame(0x81, &of(len))], vec![Text(of(len))]),
                ok(
                    &format!("binary of {len} bytes"),
                    &[frame(0x82, &of(len))],
                    vec![Binary(of(len))],
                ),
            ]
        })
        .collect();
    cases.push(ok("nothing", &[], vec![]).incomplete());
    cases.push(ok(
        "messages in a row",
        &[frame(0x81, b"one"), frame(0x82, &[0, 255]), frame(0x81, b""), frame(0x82, b"4")],
        vec![text("one"), Binary(vec![0, 255]), text(""), Binary(b"4".to_vec())],
    ));
    let half = &frame(0x81, b"whole")[..4];
    let begun = [frame(0x82, b"a"), half.to_vec()];
    cases.push(ok("half a frame behind", &begun, vec![Binary(b"a".to_vec())]).incomplete());
    cases
}

fn fragments() -> Vec<Case> {
    vec![
        ok("two fragments", &[frame(0x01, b"Hel"), frame(0x80, b"lo")], vec![text("Hello")]),
        ok(
            "many fragments",
            &[&[frame(0x02, b"0")][..], &vec![frame(0x00, b"1"); 300], &[frame(0x80, b"2")]]
                .concat(),
            vec![Binary([&b"0"[..], &[b'1'; 300], b"2"].concat())],
        ),
        ok(
            "empty fragments",
            &[frame(0x01, b""), frame(0x00, b""), frame(0x00, b"x"), frame(0x80, b"")],
            vec![text("x")],
        ),
        ok("only empty fragments", &[frame(0x02, b""), frame(0x80, b"")], vec![Binary(vec![])]),
        ok(
            "fragmented twice",
            &[frame(0x01, b"a"), frame(0x80, b"b"), frame(0x02, b"c"), frame(0x80, b"d")],
            vec![text("ab"), Binary(b"cd".to_vec())],
        ),
        ok(
            "long fragments",
            &[frame(0x02, &[1; 500]), frame(0x00, &[2; 70_000]), frame(0x80, &[3; 126])],
            vec![Binary([&[1; 500][..], &[2; 70_000], &[3; 126]].concat())],
        ),
        bad("continuation first", Error::UnexpectedContinuation, &[frame(0x80, b"x")], vec![]),
        bad("open continuation first", Error::UnexpectedContinuation, &[frame(0, b"")], vec![]),
        bad(
            "continuation behind a message",
            Error::UnexpectedContinuation,
            &[frame(0x81, b"a"), frame(0x80, b"x")],
            vec![text("a")],
        ),
        bad(
            "text within a message",
            Error::ExpectedContinuation,
            &[frame(0x01, b"a"), frame(0x81, b"b")],
            vec![],
        ),
        bad(
            "binary within a message",
            Error::ExpectedContinuation,
            &[frame(0x01, b"a"), frame(0x00, b"a"), frame(0x02, b"b")],
            vec![],
        ),
    ]
}

fn controls() -> Vec<Case> {
    let long = vec![0xfe; 125];
    vec![
        ok("empty ping", &[frame(0x89, b"")], vec![Ping(vec![])]),
        ok("ping of 125 bytes", &[frame(0x89, &long)], vec![Ping(long.clone())]),
        ok("pong", &[frame(0x8a, b"\x00\xff")], vec![Pong(vec![0, 255])]),
        ok(
            "ping between fragments",
            &[frame(0x01, b"a"), frame(0x89, b"p"), frame(0x80, b"b")],
            vec![Ping(b"p".to_vec()), text("ab")],
        ),
        ok(
            "pings and pongs between all fragments",
            &[
                frame(0x02, b""),
                frame(0x8a, b"1"),
                frame(0x00, b"abc"),
                frame(0x89, &long),
                frame(0x89, b""),
                frame(0x00, b""),
                frame(0x8a, &long),
                frame(0x80, b"def"),
                frame(0x89, b"2"),
            ],
            vec![
                Pong(b"1".to_vec()),
                Ping(long.clone()),
                Ping(vec![]),
                Pong(long.clone()),
                Binary(b"abcdef".to_vec()),
                Ping(b"2".to_vec()),
            ],
        ),
        ok("many pings", &vec![frame(0x89, b"x"); 50], vec![Ping(b"x".to_vec()); 50]),
        bad("ping of 126 bytes", Error::ControlTooLong, &[vec![0x89, 126, 0, 126]], vec![]),
        bad("pong with a 64-bit length", Error::ControlTooLong, &[vec![0x8a, 127]], vec![]),
        bad("close of 126 bytes", Error::ControlTooLong, &[frame(0x88, &[0; 126])], vec![]),
        bad("ping without FIN", Error::FragmentedControl, &[frame(0x09, b"")], vec![]),
        bad("pong without FIN", Error::FragmentedControl, &[frame(0x0a, b"x")], vec![]),
        bad("close without FIN", Error::FragmentedControl, &[frame(0x08, b"\x03\xe8")], vec![]),
    ]
}

fn headers() -> Vec<Case> {
    let hi = frame(0x81, b"hi");
    let mut cases = vec![
        bad(
            "RSV1 without an extension",
            Error::ReservedBits,
            &[hi.clone(), frame(0xc1, b"x")],
            vec![text("hi")],
        ),
        bad("RSV2", Error::ReservedBits, &[frame(0xa1, b"x")], vec![]),
        bad("RSV3", Error::ReservedBits, &[frame(0x92, b"x")], vec![]),
        bad("RSV1 on a ping", Error::ReservedBits, &[frame(0xc9, b"")], vec![]),
        bad("RSV on a close", Error::ReservedBits, &[frame(0xf8, b"")], vec![]),
        bad("masked text", Error::MaskedFrame, &[vec![0x81, 0x81, 1, 2, 3, 4, 5]], vec![]),
        bad(
            "masked ping",
            Error::MaskedFrame,
            &[hi, vec![0x89, 0x80, 1, 2, 3, 4]],
            vec![text("hi")],
        ),
        bad("16-bit length of 125", Error::LengthNotMinimal, &[vec![0x81, 126, 0, 125]], vec![]),
        bad("16-bit length of 0", Error::LengthNotMinimal, &[vec![0x82, 126, 0, 0]], vec![]),
        bad(
            "64-bit length of 65535",
            Error::LengthNotMinimal,
            &[vec![0x82, 127, 0, 0, 0, 0, 0, 0, 255, 255]],
            vec![],
        ),
        bad(
            "64-bit length of 1",
            Error::LengthNotMinimal,
            &[vec![0x82, 127, 0, 0, 0, 0, 0, 0, 0, 1]],
            vec![],
        ),
        bad(
            "length of 2^63",
            Error::LengthTooLarge,
            &[[&[0x82, 127, 128][..], &[0; 7]].concat()],
            vec![],
        ),
        bad(
            "length of 2^64 - 1",
            Error::LengthTooLarge,
            &[[&[0x82, 127][..], &[255; 8]].concat()],
            vec![],
        ),
        bad(
            "length of 2^63 - 1",
            Error::FrameTooLarge,
            &[[&[0x82, 127, 127][..], &[255; 7]].concat()],
            vec![],
        ),
    ];
    for opcode in (3..8).chain(11..16) {
        let name = format!("opcode {opcode}");
        cases.push(bad(&name, Error::ReservedOpcode, &[frame(0x80 | opcode, b"x")], vec![]));
    }
    cases
}

fn limits() -> Vec<Case> {
    let joined = |len: usize| vec![Binary(vec![7; len])];
    let three = [frame(0x02, &[7; 10]), frame(0x00, &[7; 10]), frame(0x80, &[7; 10])];
    vec![
        ok("frame at the limit", &[frame(0x82, &[7; 10])], joined(10)).limits(10, 99, 9),
        bad("frame over the limit", Error::FrameTooLarge, &[frame(0x82, &[7; 11])], vec![])
            .limits(10, 99, 9),
        ok("message at the limit", &three, joined(30)).limits(10, 30, 9),
        bad("message over the limit", Error::MessageTooLarge, &three, vec![]).limits(10, 29, 9),
        bad("one frame over a message", Error::MessageTooLarge, &[frame(0x81, b"xx")], vec![])
            .limits(10, 1, 9),
        ok("fragments at the limit", &three, joined(30)).limits(10, 30, 3),
        bad("fragments over the limit", Error::TooManyFragments, &three, vec![]).limits(10, 30, 2),
        bad(
            "empty fragments over the limit",
            Error::TooManyFragments,
            &[&[frame(0x02, b"")][..], &vec![frame(0x00, b""); 100]].concat(),
            vec![],
        )
        .limits(10, 30, 100),
        ok(
            "limits are for each message",
            &[three.concat(), three.concat()],
            [joined(30), joined(30)].concat(),
        )
        .limits(10, 30, 3),
        ok("controls have no limit of frames", &[frame(0x89, &[1; 125])], vec![Ping(vec![1; 125])])
            .limits(0, 0, 0),
        bad("no message at all", Error::TooManyFragments, &[frame(0x82, b"")], vec![])
            .limits(0, 0, 0),
    ]
}

fn texts() -> Vec<Case> {
    let greek = "κόσμε €𝄞";
    let in_octets = |text: &[u8]| {
        let (last, front) = text.split_last().unwrap();
        let first = |at: usize| if at == 0 { 0x01 } else { 0x00 };
        let frames = front.iter().enumerate().map(|(at, octet)| frame(first(at), &[*octet]));
        frames.chain([frame(0x80, &[*last])]).collect::<Vec<_>>()
    };
    let cut = &greek.as_bytes()[..greek.len() - 1];
    vec![
        ok("characters of 1 to 4 bytes", &[frame(0x81, greek.as_bytes())], vec![text(greek)]),
        ok("characters over fragments", &in_octets(greek.as_bytes()), vec![text(greek)]),
        ok(
            "a character over a ping",
            &[frame(0x01, b"\xc3"), frame(0x89, b"\xc3"), frame(0x80, b"\x9f")],
            vec![Ping(vec![0xc3]), text("ß")],
        ),
        bad("a text ends within a character", Error::InvalidUtf8, &[frame(0x81, cut)], vec![]),
        bad("fragments end within a character", Error::InvalidUtf8, &in_octets(cut), vec![]),
        bad("a wrong byte", Error::InvalidUtf8, &[frame(0x81, b"a\xffb")], vec![]),
        bad("an overlong form", Error::InvalidUtf8, &[frame(0x81, b"\xc0\x80")], vec![]),
        bad("a surrogate", Error::InvalidUtf8, &in_octets(b"a\xed\xa0\x80b"), vec![]),
        bad(
            "beyond Unicode",
            Error::InvalidUtf8,
            &[frame(0x01, b"\xf4\x90"), frame(0x80, b"\x80\x80")],
            vec![],
        ),
        bad(
            "wrong before the end of the frame",
            Error::InvalidUtf8,
            &[frame(0x81, b"\xffabc")[..3].to_vec()],
            vec![],
        ),
        ok(
            "any bytes are binary",
            &[frame(0x82, b"\xff\xc0\xed\xa0")],
            vec![Binary(b"\xff\xc0\xed\xa0".to_vec())],
        ),
        ok(
            "unchecked",
            &[frame(0x01, b"\xff"), frame(0x80, b"\xc0")],
            vec![Text(b"\xff\xc0".to_vec())],
        )
        .unchecked(),
    ]
}

fn closes() -> Vec<Case> {
    let close = |code, reason: &str| vec![Close(code, reason.to_owned())];
    let full = [&b"\x03\xe8"[..], &[b'r'; 123]].concat();
    vec![
        ok("close", &[frame(0x88, b"")], close(None, "")),
        ok("close 1000", &[frame(0x88, b"\x03\xe8")], close(Some(1000), "")),
        ok(
            "close with a reason",
            &[frame(0x88, b"\x0f\xa0b\xc3\xbcro")],
            close(Some(4000), "büro"),
        ),
        ok(
            "close with the longest reason",
            &[frame(0x88, &full)],
            close(Some(1000), &"r".repeat(123)),
        ),
        ok(
            "close within a message",
            &[frame(0x01, b"a"), frame(0x88, b""), frame(0x80, b"b")],
            close(None, ""),
        ),
        ok("garbage behind a close", &[frame(0x88, b""), vec![0xff; 300]], close(None, "")),
        ok("two closes", &[frame(0x88, b""), frame(0x88, b"\x03")], close(None, "")),
        bad("close of one byte", Error::BadCloseLength, &[frame(0x88, b"\x03")], vec![]),
        bad("close 0", Error::BadCloseCode, &[frame(0x88, b"\0\0")], vec![]),
        bad("close 999", Error::BadCloseCode, &[frame(0x88, b"\x03\xe7")], vec![]),
        bad("close 1004", Error::BadCloseCode, &[frame(0x88, b"\x03\xec")], vec![]),
        bad("close 1005", Error::BadCloseCode, &[frame(0x88, b"\x03\xed")], vec![]),
        bad("close 1006", Error::BadCloseCode, &[frame(0x88, b"\x03\xee")], vec![]),
        bad("close 1015", Error::BadCloseCode, &[frame(0x88, b"\x03\xf7")], vec![]),
        bad("close 2999", Error::BadCloseCode, &[frame(0x88, b"\x0b\xb7")], vec![]),
        bad("close 5000", Error::BadCloseCode, &[frame(0x88, b"\x13\x88")], vec![]),
        bad("reason is no UTF-8", Error::BadCloseReason, &[frame(0x88, b"\x03\xe8\xff")], vec![]),
    ]
}

fn compressed() -> Vec<Case> {
    let hello = || text("Hello");
    let bomb = [0xec, 0xc1, 0x01, 0x01, 0x00, 0x00];
    let context = [frame(0xc1, &HELLO), frame(0xc1, &AGAIN), frame(0xc2, &AGAIN)];
    vec![
        ok("compressed", &[frame(0xc1, &HELLO)], vec![hello()]).deflate(false),
        ok("with context", &context, vec![hello(), hello(), Binary(b"Hello".to_vec())])
            .deflate(false),
        bad("with context that was given up", Error::BadDeflate, &context, vec![hello()])
            .deflate(true),
        ok("not compressed", &[frame(0x81, b"Hello")], vec![hello()]).deflate(false),
        ok(
            "compressed in fragments",
            &[frame(0x41, &HELLO[..3]), frame(0x89, b"p"), frame(0x80, &HELLO[3..])],
            vec![Ping(b"p".to_vec()), hello()],
        )
        .deflate(true),
        ok(
            "compressed and not, in turn",
            &[
                frame(0xc1, &HELLO),
                frame(0x82, b"x"),
                frame(0x01, b"Hel"),
                frame(0x80, b"lo"),
                frame(0xc1, &AGAIN),
            ],
            vec![hello(), Binary(b"x".to_vec()), hello(), hello()],
        )
        .deflate(false),
        ok("an empty message, compressed", &[frame(0xc2, &[0])], vec![Binary(vec![])])
            .deflate(false),
        bad(
            "RSV1 on a continuation",
            Error::ReservedBits,
            &[frame(0x41, &HELLO), frame(0xc0, b"")],
            vec![],
        )
        .deflate(false),
        bad("RSV1 on a pong", Error::ReservedBits, &[frame(0xca, b"")], vec![]).deflate(false),
        bad("RSV2 with deflate", Error::ReservedBits, &[frame(0xa1, b"")], vec![]).deflate(false),
        bad("no DEFLATE", Error::BadDeflate, &[frame(0xc2, b"\xff\xff")], vec![]).deflate(false),
        bad(
            "inflated text is no UTF-8",
            Error::InvalidUtf8,
            &[frame(0xc1, &[0, 1, 0, 254, 255, 0xff, 0])],
            vec![],
        )
        .deflate(false),
        ok("inflated at the limit", &[frame(0xc1, &HELLO)], vec![hello()])
            .deflate(false)
            .limits(7, 5, 1),
        bad("inflated over the limit", Error::MessageTooLarge, &[frame(0xc1, &HELLO)], vec![])
            .deflate(false)
            .limits(7, 4, 1),
        bad("half a bomb", Error::BadDeflate, &[frame(0xc2, &bomb)], vec![]).deflate(false),
    ]
}
