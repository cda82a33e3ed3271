//! Autobahn cases 12 and 13: permessage-deflate, with the answer to the offer that each case has.
//!
//! In the suite, a case is 1000 messages cut out of one file, which the client echoes. Here the
//! files are made, of the same kinds. A case ends after 64 KiB, which is twice the window of the
//! compressor, but after at least two messages. Echoes are not compressed, because the client never
//! compresses; so what a server demands of the client's own compression changes nothing.

use flate2::{Compress, Compression, FlushCompress};
use venuepool::http::limits::Limits;
use venuepool::http::response::Response;
use venuepool::ws::extension::{DeflateAgreed, DeflateOffer};
use venuepool::ws::frame::Kind;
use venuepool::ws::handshake::{Handshake, Offer};
use venuepool::ws::settings::ReceiverSettings;

use crate::peer::{Outcome, Sent, fragments, frame, run_with};

/// The length of each message, and the length of its fragments; 0: one frame.
const SIZES: [(usize, usize); 18] = [
    (16, 0),
    (64, 0),
    (256, 0),
    (1024, 0),
    (4096, 0),
    (8192, 0),
    (16_384, 0),
    (32_768, 0),
    (65_536, 0),
    (131_072, 0),
    (8192, 256),
    (16_384, 256),
    (32_768, 256),
    (65_536, 256),
    (131_072, 256),
    (131_072, 1024),
    (131_072, 4096),
    (131_072, 32_768),
];

/// Bytes of one case, not compressed.
const VOLUME: usize = 64 * 1024;

/// What was demanded of the server, and that it answers to that.
#[derive(Clone, Copy)]
struct Server {
    forgets: bool,
    bits: u8,
}

/// Compresses messages, as RFC 7692 section 7.2.1 says.
struct Compressor {
    server: Server,
    stream: Compress,
}

impl Compressor {
    fn new(server: Server) -> Self {
        // zlib has no window of 8 bits; see `compress`.
        let bits = server.bits.max(9);
        let stream = Compress::new_with_window_bits(Compression::default(), false, bits);
        Self { server, stream }
    }

    fn compress(&mut self, message: &[u8]) -> Vec<u8> {
        if self.server.forgets {
            self.stream.reset();
        }
        let mut out = Vec::with_capacity(2 * message.len() + 1024);
        if self.server.bits == 8 {
            // Nothing refers to what is before a full flush.
            message.chunks(256).for_each(|piece| self.add(piece, FlushCompress::Full, &mut out));
        } else {
            self.add(message, FlushCompress::Sync, &mut out);
        }
        assert!(out.ends_with(b"\0\0\xff\xff"));
        out.truncate(out.len() - 4);
        out
    }

    fn add(&mut self, piece: &[u8], flush: FlushCompress, out: &mut Vec<u8>) {
        let before = self.stream.total_in();
        self.stream.compress_vec(piece, out, flush).unwrap();
        assert_eq!((self.stream.total_in() - before) as usize, piece.len());
        assert!(out.len() < out.capacity(), "all has come out");
    }
}

/// One of the files that the messages are cut from, again from its start when it ends.
struct File {
    kind: Kind,
    bytes: Vec<u8>,
    at: usize,
}

impl File {
    fn new(kind: Kind, bytes: Vec<u8>) -> Self {
        assert!(kind == Kind::Binary || bytes.is_ascii(), "a text may be cut anywhere");
        Self { kind, bytes, at: 0 }
    }

    fn take(&mut self, len: usize) -> Vec<u8> {
        let mut taken = Vec::with_capacity(len);
        while taken.len() < len {
            let end = self.bytes.len().min(self.at + len - taken.len());
            taken.extend_from_slice(&self.bytes[self.at..end]);
            self.at = end % self.bytes.len();
        }
        taken
    }
}

fn lines(count: u32, mut line: impl FnMut(u32) -> String) -> Vec<u8> {
    (0..count).flat_map(|number| line(number).into_bytes()).collect()
}

fn json() -> File {
    let mut random = fastrand::Rng::with_seed(1);
    let line = |number| {
        let (price, size) = (random.u32(..100_000), random.f32());
        format!("{{\"id\": {number}, \"s\": \"BTCUSDT\", \"p\": \"{price}\", \"q\": {size:?}}},\n")
    };
    File::new(Kind::Text, lines(3000, line))
}

/// 512 lines of 512 grey dots, each a little different from its neighbour.
fn picture() -> File {
    let mut random = fastrand::Rng::with_seed(2);
    let mut grey = 128_u8;
    let dots = (0..512 * 512).map(|_| {
        grey = grey.wrapping_add(random.u8(0..7)).wrapping_sub(3);
        grey
    });
    File::new(Kind::Binary, dots.collect())
}

fn prose() -> File {
    let words = ["Da", "steh", "ich", "nun", "armer", "Tor", "und", "bin", "so", "klug", "als"];
    let mut random = fastrand::Rng::with_seed(3);
    let line = |_| (0..8).map(|_| words[random.usize(..words.len())]).collect::<Vec<_>>().join(" ");
    File::new(Kind::Binary, lines(6000, line))
}

fn html() -> File {
    let mut random = fastrand::Rng::with_seed(4);
    let line = |number| {
        let cell = random.u64(..);
        format!("<tr class=\"row{}\"><td>{number}</td><td>{cell:x}</td></tr>\n", number % 2)
    };
    File::new(Kind::Text, lines(4000, line))
}

/// A document whose parts are compressed already: nothing is gained, and blocks are stored.
fn document() -> File {
    let mut random = fastrand::Rng::with_seed(5);
    File::new(Kind::Binary, (0..1 << 20).map(|_| random.u8(..)).collect())
}

/// What a handshake agrees on, whose request must have `offer` and whose answer is `answer`.
fn agree(offer: DeflateOffer, answer: &str) -> DeflateAgreed {
    // The key and its answer are those of RFC 6455 section 1.3.
    let offer = Offer { deflate: Some(offer), ..Offer::default() };
    let mut handshake = Handshake::new(*b"the sample nonce", offer).unwrap();
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
         Sec-WebSocket-Extensions: {answer}\r\n\r\n"
    );
    let (mut r, l) = (Response::with_capacity(1000), Limits::default());
    r.space(&l, answer.len()).unwrap()[..answer.len()].copy_from_slice(answer.as_bytes());
    r.commit(answer.len());
    handshake.on_bytes(&mut r, &l).unwrap().unwrap().deflate.unwrap()
}

/// The 18 cases of a group: the messages of a server that compresses like this come through.
fn group(number: &str, mut file: File, server: Server, agreed: DeflateAgreed) {
    assert_eq!(agreed.server_no_context_takeover, server.forgets, "{number}");
    assert_eq!(agreed.server_max_window_bits, server.bits, "{number}");
    let settings = ReceiverSettings { deflate: Some(agreed), ..ReceiverSettings::default() };
    for (index, (len, fragment)) in SIZES.into_iter().enumerate() {
        let mut compressor = Compressor::new(server);
        let (mut bytes, mut sent) = (Vec::new(), Vec::new());
        for _ in 0..(VOLUME / len).clamp(2, 1000) {
            let message = file.take(len);
            let compressed = compressor.compress(&message);
            let size = if fragment == 0 { compressed.len() } else { fragment };
            let mut frames = fragments(file.kind, &compressed, size);
            // RSV1 of the first frame: the message is compressed.
            frames[0] |= 0x40;
            bytes.extend(frames);
            sent.push(match file.kind {
                Kind::Text => Sent::Text(message),
                Kind::Binary => Sent::Binary(message),
            });
        }
        bytes.extend(frame(0x88, b"\x03\xe8"));
        sent.push(Sent::Close(b"\x03\xe8".to_vec()));
        let want = Outcome { sent, error: None, clean: true };
        let short_pieces = (len <= 8192).then_some(1300.min(len / 3));
        for step in [16_384].into_iter().chain(short_pieces) {
            let found = run_with(settings, &bytes, VOLUME.max(len), step);
            let name = format!("{number}.{}", index + 1);
            assert!(found == want, "case {name} by {step}: {:?}", found.error);
        }
    }
}

/// 12.1.1 to 12.5.18: five kinds of data, with the offer that the library makes by itself.
#[test]
fn cases_12_kinds_of_data() {
    let server = Server { forgets: false, bits: 15 };
    let agreed = || agree(DeflateOffer::default(), "permessage-deflate");
    group("12.1", json(), server, agreed());
    group("12.2", picture(), server, agreed());
    group("12.3", prose(), server, agreed());
    group("12.4", html(), server, agreed());
    group("12.5", document(), server, agreed());
}

/// A case 13: each side demands the same of the other, as in the suite. Of the client's demand the
/// answer speaks first; the server's own means what the client compresses.
fn demands(number: &str, forgets: bool, bits: Option<u8>) {
    let offer = DeflateOffer { server_no_context_takeover: forgets, server_max_window_bits: bits };
    let answer = ["server", "client"].iter().flat_map(|side| {
        let takeover = forgets.then(|| format!("; {side}_no_context_takeover"));
        takeover.into_iter().chain(bits.map(|bits| format!("; {side}_max_window_bits={bits}")))
    });
    let answer = format!("permessage-deflate{}", answer.collect::<String>());
    let server = Server { forgets, bits: bits.unwrap_or(15) };
    group(number, json(), server, agree(offer, &answer));
}

/// 13.1.1 to 13.7.18. In 13.7 the suite's client makes three offers and the server takes the first;
/// this client makes that one offer.
#[test]
fn cases_13_demands() {
    demands("13.1", false, None);
    demands("13.2", true, None);
    demands("13.3", false, Some(8));
    demands("13.4", false, Some(15));
    demands("13.5", true, Some(8));
    demands("13.6", true, Some(15));
    demands("13.7", true, Some(8));
}

/// What makes the groups above different: the compressor refers back, and as far as it may.
#[test]
fn the_compressor_uses_what_was_agreed() {
    let again = |forgets, bits, between| {
        let (mut compressor, mut file) = (Compressor::new(Server { forgets, bits }), document());
        let message = file.take(200);
        compressor.compress(&message);
        (0..between).for_each(|_| drop(compressor.compress(&file.take(1024))));
        compressor.compress(&message).len()
    };
    assert!(again(false, 15, 0) < 20 && again(false, 15, 20) < 20);
    assert!(again(false, 9, 0) < 20 && again(false, 9, 20) > 200);
    assert!(again(true, 15, 0) > 200 && again(false, 8, 0) > 200);
}
