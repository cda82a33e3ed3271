//! A client made of the codec's parts: it echoes messages and answers pings and closes, as the
//! clients do that the Autobahn suite tests. And the frames that its server sends.

pub(crate) use mock_venue::server_frame as frame;
use venuepool::ws::closing::{CloseLimits, Closing};
use venuepool::ws::error::Error;
use venuepool::ws::frame::Kind;
use venuepool::ws::mask::mask;
use venuepool::ws::message::{Incoming, Receiver};
use venuepool::ws::pong::Pongs;
use venuepool::ws::settings::ReceiverSettings;
use venuepool::ws::writer::{ControlFrame, FrameWriter};

/// What the client has sent, frame by frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Pong(Vec<u8>),
    /// The payload of a close frame.
    Close(Vec<u8>),
}

/// What came of a case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) sent: Vec<Sent>,
    pub(crate) error: Option<Error>,
    /// Both close frames were exchanged when the server closed TCP.
    pub(crate) clean: bool,
}

const LIMITS: CloseLimits = CloseLimits { answer_ns: 1_000, eof_ns: 1_000 };

/// Gives `bytes` to a client in pieces of `step`, then closes TCP. Each piece is answered before
/// the next one comes.
pub(crate) fn run(bytes: &[u8], step: usize) -> Outcome {
    run_with(ReceiverSettings::default(), bytes, bytes.len(), step)
}

/// The same with other settings; no message is longer than `most`.
pub(crate) fn run_with(
    settings: ReceiverSettings,
    bytes: &[u8],
    most: usize,
    step: usize,
) -> Outcome {
    let mut client = Client::new(settings, most);
    for piece in bytes.chunks(step) {
        client.receive(piece);
    }
    let clean = client.closing.on_eof().clean;
    Outcome { sent: sent(&client.wire), error: client.error, clean }
}

struct Client {
    receiver: Receiver,
    writer: FrameWriter,
    pongs: Pongs,
    closing: Closing,
    wire: Vec<u8>,
    /// Counts the frames, as their keys.
    key: u32,
    error: Option<Error>,
}

impl Client {
    /// `most`: no message is longer.
    fn new(settings: ReceiverSettings, most: usize) -> Self {
        Self {
            receiver: Receiver::new(settings, 1024),
            writer: FrameWriter::new(most),
            pongs: Pongs::default(),
            closing: Closing::new(LIMITS),
            wire: Vec::new(),
            key: 0x0102_0304,
            error: None,
        }
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.receiver.take_over(bytes).unwrap();
        loop {
            self.key = self.key.wrapping_mul(0x01ab_cdef).wrapping_add(1);
            let key = self.key.to_be_bytes();
            match self.receiver.next() {
                Ok(None) => return,
                Ok(Some(Incoming::Message(message))) => {
                    assert!(self.closing.may_send());
                    let frame = self.writer.write(message.kind(), message.payload(), key).unwrap();
                    self.wire.extend_from_slice(frame);
                }
                Ok(Some(Incoming::Ping(payload))) => {
                    self.pongs.on_ping(payload);
                    let payload = self.pongs.take().unwrap();
                    self.wire.extend_from_slice(ControlFrame::pong(payload, key).unwrap().bytes());
                }
                Ok(Some(Incoming::Pong(_))) => {}
                Ok(Some(Incoming::Close(frame))) => {
                    if let Some(payload) = self.closing.on_close(&frame, 0) {
                        self.wire.extend_from_slice(ControlFrame::close(&payload, key).bytes());
                    }
                }
                Err(error) => {
                    if let Some(payload) = self.closing.fail(error) {
                        self.wire.extend_from_slice(ControlFrame::close(&payload, key).bytes());
                    }
                    self.error = Some(error);
                    return;
                }
            }
        }
    }
}

/// Reads the frames of a client, as RFC 6455 section 5.2 draws them.
fn sent(mut wire: &[u8]) -> Vec<Sent> {
    let mut found = Vec::new();
    while let [first, second, rest @ ..] = wire {
        assert!(second & 0x80 != 0, "a client masks");
        let (len, rest) = match second & 0x7f {
            126 => (u16::from_be_bytes(rest[..2].try_into().unwrap()).into(), &rest[2..]),
            127 => (u64::from_be_bytes(rest[..8].try_into().unwrap()) as usize, &rest[8..]),
            len => (len.into(), rest),
        };
        let (key, rest) = rest.split_at(4);
        let (masked, behind) = rest.split_at(len);
        let mut payload = masked.to_vec();
        mask(&mut payload, key.try_into().unwrap());
        found.push(match first {
            0x81 => Sent::Text(payload),
            0x82 => Sent::Binary(payload),
            0x88 => Sent::Close(payload),
            0x8a => Sent::Pong(payload),
            _ => panic!("a frame that begins with {first:#x}"),
        });
        wire = behind;
    }
    found
}

/// A message in fragments of `size` bytes.
pub(crate) fn fragments(kind: Kind, payload: &[u8], size: usize) -> Vec<u8> {
    let opcode = if kind == Kind::Text { 1 } else { 2 };
    let count = payload.len().div_ceil(size).max(1);
    let frames = (0..count).flat_map(|index| {
        let piece = &payload[index * size..payload.len().min((index + 1) * size)];
        let fin = if index + 1 == count { 0x80 } else { 0 };
        frame(fin | if index == 0 { opcode } else { 0 }, piece)
    });
    frames.collect()
}
