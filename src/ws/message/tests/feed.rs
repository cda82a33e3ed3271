//! Ways to feed a case to a receiver, and what is seen then.

use super::super::*;
pub(super) use mock_venue::server_frame as frame;

/// What a receiver has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
}

/// All that is seen of a case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) seen: Vec<Seen>,
    pub(super) error: Option<Error>,
}

#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    pub(super) settings: ReceiverSettings,
    pub(super) want: Verdict,
    /// The last frame is whole.
    pub(super) is_whole: bool,
}

impl Case {
    pub(super) fn new(name: &str, bytes: &[u8]) -> Self {
        Self {
            name: name.to_owned(),
            bytes: bytes.to_vec(),
            settings: ReceiverSettings::default(),
            want: Verdict::default(),
            is_whole: true,
        }
    }
}

/// Feeds a case, cut at these offsets, which ascend.
pub(super) fn feed(case: &Case, cuts: &[usize]) -> Verdict {
    let mut receiver = Receiver::new(case.settings, 0);
    let mut verdict = Verdict::default();
    let mut start = 0;
    for end in cuts.iter().copied().chain([case.bytes.len()]) {
        receiver.take_over(&case.bytes[start..end.max(start)]).unwrap();
        start = end.max(start);
        loop {
            match receiver.next() {
                Ok(None) => break,
                Ok(Some(event)) => verdict.seen.push(seen(&event)),
                Err(error) => {
                    assert_eq!(receiver.next(), Err(error), "{}: it is final", case.name);
                    verdict.error = Some(error);
                    return verdict;
                }
            }
        }
    }
    verdict
}

fn seen(event: &Incoming<'_>) -> Seen {
    match event {
        Incoming::Message(message) => {
            assert_eq!(message.padded().len(), message.payload().len() + TAIL);
            assert_eq!(message.padded()[message.payload().len()..], [0; TAIL], "the tail");
            match message.kind() {
                Kind::Text => Seen::Text(message.payload().to_vec()),
                Kind::Binary => Seen::Binary(message.payload().to_vec()),
            }
        }
        Incoming::Ping(payload) => Seen::Ping(payload.to_vec()),
        Incoming::Pong(payload) => Seen::Pong(payload.to_vec()),
        Incoming::Close(frame) => Seen::Close(frame.code, frame.reason.to_owned()),
    }
}
