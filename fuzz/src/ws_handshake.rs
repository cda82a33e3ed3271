//! The answer to a WebSocket handshake: the same verdict however it is cut, and that of a model.
//!
//! ```text
//!  flags          bit 0 subprotocols are offered, 1 permessage-deflate, 2 with all parameters
//!  n, n lengths   how the bytes are cut, again and again; n = 0: into single bytes
//!  bytes          the answer and what is behind it
//! ```
//!
//! The model reads the head once more with httparse alone, and knows RFC 6455 section 4.1 as a list
//! of conditions.

use tungstenite::handshake::derive_accept_key;
use venuepool::http::limits::Limits;
use venuepool::http::response::Response;
use venuepool::ws::error::Error;
use venuepool::ws::extension::DeflateOffer;
use venuepool::ws::handshake::{Agreed, Handshake, Offer};

use super::input::{Cuts, Input};

/// The key of this nonce is that of the example in RFC 6455 section 1.3.
const NONCE: [u8; 16] = *b"the sample nonce";
const KEY: &[u8] = b"dGhlIHNhbXBsZSBub25jZQ==";

/// What is seen of an answer: the verdict, and what is behind the head.
type Verdict = (Result<Option<Agreed>, Error>, Vec<u8>);

/// Checks one input.
pub fn check(data: &[u8]) {
    let mut input = Input(data);
    let flags = input.byte();
    let mut offer = Offer::default();
    if flags & 1 != 0 {
        offer.subprotocols = vec![b"v1".to_vec(), b"v2.orders".to_vec()];
    }
    if flags & 2 != 0 {
        let all = flags & 4 != 0;
        offer.deflate = Some(DeflateOffer {
            server_no_context_takeover: all,
            server_max_window_bits: all.then_some(12),
        });
    }
    let cuts = Cuts::new(input.piece());
    let bytes = input.0;
    let whole = feed(&offer, bytes, None);
    let pieces = feed(&offer, bytes, Some(cuts));
    assert_eq!(pieces, whole, "the cuts have changed the verdict");
    compare_with_model(&offer, bytes, &whole);
}

fn feed(offer: &Offer, bytes: &[u8], mut cuts: Option<Cuts<'_>>) -> Verdict {
    let mut handshake = Handshake::new(NONCE, offer.clone()).unwrap();
    let (mut r, l) = (Response::with_capacity(bytes.len() + 1), Limits::default());
    let (mut verdict, mut rest) = (Ok(None), bytes);
    while !rest.is_empty() && verdict == Ok(None) {
        let len = cuts.as_mut().map_or(rest.len(), Cuts::next_len).min(rest.len());
        let space = r.space(&l, len).unwrap();
        let (now, later) = rest.split_at(len.min(space.len()));
        space[..now.len()].copy_from_slice(now);
        r.commit(now.len());
        rest = later;
        verdict = handshake.on_bytes(&mut r, &l);
    }
    match verdict {
        Ok(Some(_)) => (verdict, [r.behind(), rest].concat()),
        _ => (verdict, Vec::new()),
    }
}

/// An open connection is one that the model opens, and the other way round, unless the codec of
/// HTTP has refused the head: it is stricter than httparse.
fn compare_with_model(offer: &Offer, bytes: &[u8], (verdict, behind): &Verdict) {
    let mut table = [httparse::EMPTY_HEADER; 256];
    let mut head = httparse::Response::new(&mut table);
    let Ok(httparse::Status::Complete(len)) = head.parse(bytes) else {
        // Behind interim responses, httparse may not even come to the head.
        return assert!(bytes.starts_with(b"HTTP/1.1 1") || !matches!(verdict, Ok(Some(_))));
    };
    if head.code != Some(101) {
        let is_interim = matches!(head.code, Some(100..200));
        return assert!(is_interim || !matches!(verdict, Ok(Some(_))), "open without 101");
    }
    let opens = head.version == Some(1) && opens(&head, offer);
    match verdict {
        Ok(Some(_)) => {
            assert!(opens, "the model refuses it");
            assert_eq!(behind[..], bytes[len..]);
        }
        Ok(None) => panic!("the head is whole"),
        Err(Error::Http(_)) => {}
        Err(error) => assert!(!opens, "the model opens it: {error}"),
    }
}

/// The conditions of RFC 6455 section 4.1.
fn opens(head: &httparse::Response<'_, '_>, offer: &Offer) -> bool {
    let values = |name: &str| -> Vec<&[u8]> {
        let fields = head.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
        fields.map(|field| field.value.trim_ascii()).collect()
    };
    let connection = values("connection").join(&b","[..]);
    let mut tokens = connection.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let protocol = values("sec-websocket-protocol");
    let extensions = values("sec-websocket-extensions");
    matches!(values("upgrade")[..], [value] if value.eq_ignore_ascii_case(b"websocket"))
        && tokens.any(|token| token.eq_ignore_ascii_case(b"upgrade"))
        && values("sec-websocket-accept") == [derive_accept_key(KEY).as_bytes()]
        && match protocol[..] {
            [] => true,
            [name] => offer.subprotocols.iter().any(|known| known == name),
            _ => false,
        }
        && match extensions[..] {
            [] => true,
            [value] => offer.deflate.is_some_and(|deflate| is_agreed(value, &deflate)),
            _ => false,
        }
}

/// The conditions of RFC 7692 section 7.1, for an offer that lets the server choose the client's
/// window.
fn is_agreed(value: &[u8], offer: &DeflateOffer) -> bool {
    let Ok(value) = std::str::from_utf8(value) else { return false };
    let mut parts = value.split(';').map(str::trim);
    let mut seen = Vec::new();
    if !parts.next().is_some_and(|name| name.eq_ignore_ascii_case("permessage-deflate")) {
        return false;
    }
    for part in parts {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim())),
            None => (part, None),
        };
        let quoted = |value: &str| Some(value.strip_prefix('"')?.strip_suffix('"')?.to_owned());
        let value = value.map(|value| quoted(value).unwrap_or(value.to_owned()));
        let bits = (8..=15).find(|bits| value == Some(bits.to_string()));
        let is_good = match name {
            "server_no_context_takeover" | "client_no_context_takeover" => value.is_none(),
            "server_max_window_bits" | "client_max_window_bits" => bits.is_some(),
            _ => false,
        };
        if !is_good || seen.iter().any(|(other, _)| *other == name) {
            return false;
        }
        seen.push((name, bits));
    }
    let forgets = seen.iter().any(|(name, _)| *name == "server_no_context_takeover");
    let window = seen.iter().find(|(name, _)| *name == "server_max_window_bits");
    let fits = |most| window.is_some_and(|(_, bits)| *bits <= Some(most));
    (forgets || !offer.server_no_context_takeover) && offer.server_max_window_bits.is_none_or(fits)
}
