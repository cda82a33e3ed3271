//! What a WebSocket server sends: the same verdict however it is cut, and that of tungstenite.
//!
//! ```text
//!  flags          bit 0 limits follow, 1 permessage-deflate, 2 it forgets, 3 UTF-8 unchecked
//!  limits         2 bytes, if bit 0 says so: frame (125 more), message
//!  n, n lengths   how the bytes are cut, again and again; n = 0: into single bytes
//!  bytes          what the server sends behind its handshake
//! ```
//!
//! tungstenite knows no compression, so with that only the cuts are compared. Each message that was
//! seen is then sent back by our writer, and a tungstenite server must read it.

use std::io::{self, Read, Write};

use tungstenite::error::Error as TheirError;
use tungstenite::protocol::{Message, Role, WebSocket, WebSocketConfig};
use venuepool::buf::TAIL;
use venuepool::ws::error::Error;
use venuepool::ws::extension::DeflateAgreed;
use venuepool::ws::frame::Kind;
use venuepool::ws::message::{Incoming, Receiver};
use venuepool::ws::settings::{Limits, ReceiverSettings};
use venuepool::ws::writer::{ControlFrame, FrameWriter};

use super::input::{Cuts, Input};

/// The longest message that is accepted, unless the input says less: long enough for a frame with a
/// length of 64 bits.
const MOST: usize = 70_000;

/// What was seen, in the words of both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A text, which may be none if it was not checked.
    Text(Vec<u8>),
    /// Any bytes.
    Binary(Vec<u8>),
    /// A ping.
    Ping(Vec<u8>),
    /// A pong.
    Pong(Vec<u8>),
    /// A close frame.
    Close(Option<u16>, String),
}

impl Seen {
    /// The length of its payload; a close frame is not sent back.
    fn len(&self) -> usize {
        match self {
            Self::Text(bytes) | Self::Binary(bytes) | Self::Ping(bytes) | Self::Pong(bytes) => {
                bytes.len()
            }
            Self::Close(..) => 0,
        }
    }
}

/// Checks one input.
pub fn check(data: &[u8]) {
    let mut input = Input(data);
    let flags = input.byte();
    let mut limits =
        Limits { max_frame_size: MOST, max_message_size: MOST, max_fragments: usize::MAX };
    if flags & 1 != 0 {
        limits.max_frame_size = 125 + usize::from(input.byte());
        limits.max_message_size = input.byte().into();
    }
    let agreed =
        DeflateAgreed { server_no_context_takeover: flags & 4 != 0, server_max_window_bits: 15 };
    let settings = ReceiverSettings {
        limits,
        check_utf8: flags & 8 == 0,
        deflate: (flags & 2 != 0).then_some(agreed),
    };
    let cuts = input.piece();
    compare(settings, input.0, cuts);
}

/// Compares what is seen of `bytes` as a whole, in pieces, and by tungstenite. `cuts`: the lengths
/// of the pieces, each less by one, again and again.
pub fn compare(settings: ReceiverSettings, bytes: &[u8], cuts: &[u8]) -> Option<Error> {
    let (seen, error) = feed(settings, bytes, None);
    let (again, error_again) = feed(settings, bytes, Some(Cuts::new(cuts)));
    assert_eq!(again, seen, "the cuts have changed what is seen");
    match settings.deflate {
        // One piece may show a wrong text and a wrong block together.
        Some(_) => assert_eq!(error.is_some(), error_again.is_some()),
        None => assert_eq!(error, error_again, "the cuts have changed the verdict"),
    }
    if settings.deflate.is_none() && settings.check_utf8 {
        compare_with_theirs(&settings.limits, bytes, &seen, error);
    }
    send_back(&seen);
    error
}

/// Feeds `bytes` to a receiver, as a whole or in pieces.
fn feed(
    settings: ReceiverSettings,
    bytes: &[u8],
    mut cuts: Option<Cuts<'_>>,
) -> (Vec<Seen>, Option<Error>) {
    // In pieces it has no room at first, and grows; as a whole all has room, which costs less.
    let room = if cuts.is_some() { 0 } else { bytes.len() + 4096 };
    let mut receiver = Receiver::new(settings, room);
    let (mut seen, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        let len = cuts.as_mut().map_or(rest.len(), Cuts::next_len);
        let (now, later) = rest.split_at(len.min(rest.len()));
        rest = later;
        receiver.take_over(now).unwrap();
        loop {
            match receiver.next() {
                Ok(None) => break,
                Ok(Some(event)) => seen.push(ours(&event)),
                Err(error) => {
                    assert_eq!(receiver.next(), Err(error), "an error is final");
                    return (seen, Some(error));
                }
            }
        }
        // A read, what it was cut from, and twice a message: never what was announced.
        let most = 2 * (bytes.len() + 8 * 1024);
        assert!(receiver.capacity() <= most, "{} bytes of memory", receiver.capacity());
    }
    (seen, None)
}

fn ours(event: &Incoming<'_>) -> Seen {
    match event {
        Incoming::Message(message) => {
            let payload = message.payload().to_vec();
            assert_eq!(message.padded()[payload.len()..], [0; TAIL], "the tail is not zero");
            match message.kind() {
                Kind::Text => Seen::Text(payload),
                Kind::Binary => Seen::Binary(payload),
            }
        }
        Incoming::Ping(payload) => Seen::Ping(payload.to_vec()),
        Incoming::Pong(payload) => Seen::Pong(payload.to_vec()),
        Incoming::Close(frame) => Seen::Close(frame.code, frame.reason.to_owned()),
    }
}

/// tungstenite must have seen the same, with these exceptions. It does not ask for the shortest
/// form of a length. It shows a close code that must not be on the wire as a protocol error, and
/// 1014, which was registered later, too.
fn compare_with_theirs(limits: &Limits, bytes: &[u8], seen: &[Seen], error: Option<Error>) {
    // It looks at a frame when that is whole: what is refused early, it refuses by then.
    let padding = error.map_or(0, |_| limits.max_frame_size + 16);
    let mut theirs = Their::new(Role::Client, limits, bytes, padding);
    let violation = Seen::Close(Some(1002), "Protocol violation".to_owned());
    for ours in seen {
        let shown = theirs.next();
        match ours {
            Seen::Close(Some(1014), _) => assert_eq!(shown, Ok(Some(violation.clone()))),
            _ => assert_eq!(shown.as_ref(), Ok(&Some(ours.clone()))),
        }
    }
    match error {
        None if matches!(seen.last(), Some(Seen::Close(..))) => {}
        None => assert_eq!(theirs.next(), Ok(None), "we wait for more"),
        // A control frame of any length in a long form is refused by its second byte.
        Some(Error::LengthNotMinimal | Error::ControlTooLong) => {}
        Some(Error::BadCloseCode) => {
            let shown = theirs.next();
            // The reason may be no UTF-8 besides.
            assert!(shown == Ok(Some(violation)) || shown.is_err(), "{shown:?}");
        }
        Some(error) => assert!(theirs.next().is_err(), "they take what is refused: {error}"),
    }
}

/// A tungstenite endpoint that has been sent these bytes.
struct Their<'a>(WebSocket<Wire<'a>>);

impl<'a> Their<'a> {
    /// `padding`: so many zeros come behind the bytes.
    fn new(role: Role, limits: &Limits, bytes: &'a [u8], padding: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(1024)
            .max_frame_size(Some(limits.max_frame_size))
            .max_message_size(Some(limits.max_message_size));
        let wire = Wire { bytes, padding };
        Self(WebSocket::from_raw_socket(wire, role, Some(config)))
    }

    /// The next message; `None` if there is none yet.
    fn next(&mut self) -> Result<Option<Seen>, String> {
        match self.0.read() {
            Ok(Message::Text(text)) => Ok(Some(Seen::Text(text.as_bytes().to_vec()))),
            Ok(Message::Binary(bytes)) => Ok(Some(Seen::Binary(bytes.to_vec()))),
            Ok(Message::Ping(payload)) => Ok(Some(Seen::Ping(payload.to_vec()))),
            Ok(Message::Pong(payload)) => Ok(Some(Seen::Pong(payload.to_vec()))),
            Ok(Message::Close(None)) => Ok(Some(Seen::Close(None, String::new()))),
            Ok(Message::Close(Some(frame))) => {
                Ok(Some(Seen::Close(Some(frame.code.into()), frame.reason.as_str().to_owned())))
            }
            Ok(Message::Frame(frame)) => panic!("a raw frame: {frame}"),
            Err(TheirError::Io(wrong)) if wrong.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(wrong) => Err(wrong.to_string()),
        }
    }
}

/// A connection on which these bytes came, then zeros, and no more do yet; what is sent is lost.
///
/// The zeros are made when they are read: most inputs are refused before the first of them.
struct Wire<'a> {
    bytes: &'a [u8],
    padding: usize,
}

impl Read for Wire<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let len = match (self.bytes.len(), self.padding) {
            (0, 0) => return Err(io::ErrorKind::WouldBlock.into()),
            (0, zeros) => {
                let len = zeros.min(room.len());
                room[..len].fill(0);
                self.padding -= len;
                len
            }
            (held, _) => {
                let (now, later) = self.bytes.split_at(held.min(room.len()));
                room[..now.len()].copy_from_slice(now);
                self.bytes = later;
                now.len()
            }
        };
        Ok(len)
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sends what was seen as a client does; a tungstenite server must see it again.
fn send_back(seen: &[Seen]) {
    // No larger than it must be: an input costs what it has, so that many can be tried.
    let mut writer = FrameWriter::new(seen.iter().map(Seen::len).max().unwrap_or(0));
    let (mut wire, mut sent) = (Vec::new(), Vec::new());
    for (number, what) in seen.iter().enumerate() {
        let key = (number as u32).wrapping_mul(0x9e37_79b9).to_be_bytes();
        match what {
            Seen::Text(text) if std::str::from_utf8(text).is_ok() => {
                wire.extend_from_slice(writer.write(Kind::Text, text, key).unwrap());
            }
            Seen::Text(_) | Seen::Close(..) => continue,
            Seen::Binary(bytes) => {
                writer.reserve()[..bytes.len()].copy_from_slice(bytes);
                wire.extend_from_slice(writer.commit(Kind::Binary, bytes.len(), key).unwrap());
            }
            Seen::Ping(payload) => {
                wire.extend_from_slice(ControlFrame::ping(payload, key).unwrap().bytes());
            }
            Seen::Pong(payload) => {
                wire.extend_from_slice(ControlFrame::pong(payload, key).unwrap().bytes());
            }
        }
        sent.push(what.clone());
    }
    if sent.is_empty() {
        return;
    }
    let limits = Limits { max_frame_size: MOST, max_message_size: MOST, max_fragments: 1 };
    let mut theirs = Their::new(Role::Server, &limits, &wire, 0);
    for what in sent {
        assert_eq!(theirs.next(), Ok(Some(what)), "what we sent");
    }
    assert_eq!(theirs.next(), Ok(None));
}
