//! The opening handshake of a client: what the request asks for, and whether the answer grants it
//! (RFC 6455 section 4.1).
//!
//! The codec of `src/http` writes the request and reads the response, so heads are as strict as
//! those of any answer; here the fields of a 101 are judged. It knows no frame, and takes the 16
//! random bytes as given.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::error::Error;
use super::extension::{DeflateAgreed, DeflateOffer, judge};
use crate::error::Status;
use crate::http::field;
use crate::http::limits::Limits;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::http::upgrade::{Answer, Upgrade};

/// What the server appends to the key, to show that it knows the protocol (RFC 6455 section 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// 16 bytes in base64.
const KEY_LEN: usize = 24;
/// A SHA-1 digest in base64.
const ACCEPT_LEN: usize = 28;

/// What the client asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// The subprotocols, the most wanted first (RFC 6455 section 1.9).
    pub subprotocols: Vec<Vec<u8>>,
    /// Compression of what the server sends.
    pub deflate: Option<DeflateOffer>,
}

/// What the server has granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// Which of the offered subprotocols it has selected; `None`: it speaks none of them. Whether
    /// that will do is for the caller to say (RFC 6455 section 4.1 allows it).
    pub subprotocol: Option<usize>,
    /// Compression of what the server sends.
    pub deflate: Option<DeflateAgreed>,
}

/// One handshake: its request, and then its answer.
#[derive(Clone, Debug)]
pub struct Handshake {
    key: [u8; KEY_LEN],
    offer: Offer,
    upgrade: Upgrade,
}

impl Handshake {
    /// A handshake whose key is `nonce`: 16 bytes from a good source of randomness, fresh for each
    /// connection (RFC 6455 section 4.1, request 7).
    ///
    /// # Errors
    /// `ERR_ARGUMENT` if a subprotocol is no token or is there twice (RFC 6455 section 4.1, request
    /// 10), or if the window bits are not 8 to 15.
    pub fn new(nonce: [u8; 16], offer: Offer) -> Result<Self, Status> {
        let names = &offer.subprotocols;
        let is_good = |(index, name): (usize, &Vec<u8>)| {
            field::is_token(name) && !names[..index].contains(name)
        };
        if !names.iter().enumerate().all(is_good) {
            return Err(Status::ERR_ARGUMENT);
        }
        offer.deflate.iter().try_for_each(DeflateOffer::check)?;
        Ok(Self { key: base64(&nonce), offer, upgrade: Upgrade::new() })
    }

    /// Writes its fields into `request`, a GET that has begun. Further headers may follow.
    ///
    /// # Errors
    /// `ERR_PHASE`, `ERR_TOO_LARGE`, as for a header of the request.
    pub fn write(&self, request: &mut Request) -> Result<(), Status> {
        request.upgrade(&[
            (b"Connection", b"Upgrade"),
            (b"Upgrade", b"websocket"),
            (b"Sec-WebSocket-Version", b"13"),
            (b"Sec-WebSocket-Key", &self.key),
        ])?;
        if !self.offer.subprotocols.is_empty() {
            let names = self.offer.subprotocols.join(&b", "[..]);
            request.upgrade(&[(b"Sec-WebSocket-Protocol", &names)])?;
        }
        match &self.offer.deflate {
            Some(offer) => request.upgrade(&[(b"Sec-WebSocket-Extensions", &offer.value())]),
            None => Ok(()),
        }
    }

    /// Looks at the bytes that were committed to `r` since the last call. `Some`: the connection is
    /// open, and what follows in [`Response::behind`] are its first frames.
    ///
    /// # Errors
    /// `Http` and `NotSwitched` for an answer that is no 101, and then `r` holds it; all others for
    /// the fields of a 101. Each is final.
    pub fn on_bytes(&mut self, r: &mut Response, l: &Limits) -> Result<Option<Agreed>, Error> {
        let answer = self.upgrade.on_bytes(r, l).map_err(Error::Http)?;
        self.judge(answer, r)
    }

    /// The peer sends no more. `clean`: it said so; see
    /// [`Exchange::on_eof`](crate::http::exchange::Exchange::on_eof).
    ///
    /// # Errors
    /// As for [`Handshake::on_bytes`].
    pub fn on_eof(&mut self, r: &mut Response, clean: bool) -> Result<Option<Agreed>, Error> {
        let answer = self.upgrade.on_eof(r, clean).map_err(Error::Http)?;
        self.judge(answer, r)
    }

    fn judge(&self, answer: Answer, r: &Response) -> Result<Option<Agreed>, Error> {
        match answer {
            Answer::NeedMore => Ok(None),
            Answer::Other(_) => Err(Error::NotSwitched),
            Answer::Switched => self.judge_switch(r).map(Some),
        }
    }

    /// RFC 6455 section 4.1, checks 2 to 6 of the response.
    fn judge_switch(&self, r: &Response) -> Result<Agreed, Error> {
        if r.version_minor() == 0 {
            return Err(Error::OldVersion);
        }
        let upgrade = once(r, b"upgrade", Error::BadUpgrade)?;
        if !upgrade.is_some_and(|value| value.eq_ignore_ascii_case(b"websocket")) {
            return Err(Error::BadUpgrade);
        }
        if !r.find_all(b"connection").any(|list| field::list_contains(list, b"upgrade")) {
            return Err(Error::BadConnection);
        }
        let accept = once(r, b"sec-websocket-accept", Error::BadAccept)?;
        if accept != Some(&self.accept()[..]) {
            return Err(Error::BadAccept);
        }
        let extensions = once(r, b"sec-websocket-extensions", Error::BadExtensions)?;
        let deflate = extensions.map(|value| judge(value, self.offer.deflate.as_ref()));
        Ok(Agreed { deflate: deflate.transpose()?, subprotocol: self.subprotocol(r)? })
    }

    /// Names are compared byte by byte, as case matters in them.
    fn subprotocol(&self, r: &Response) -> Result<Option<usize>, Error> {
        let selected = once(r, b"sec-websocket-protocol", Error::BadSubprotocol)?;
        let find = |name: &[u8]| self.offer.subprotocols.iter().position(|known| known == name);
        selected.map(|name| find(name).ok_or(Error::BadSubprotocol)).transpose()
    }

    /// What a server that has read the key answers.
    fn accept(&self) -> [u8; ACCEPT_LEN] {
        let mut text = [0; KEY_LEN + GUID.len()];
        text[..KEY_LEN].copy_from_slice(&self.key);
        text[KEY_LEN..].copy_from_slice(GUID);
        base64(digest(&SHA1_FOR_LEGACY_USE_ONLY, &text).as_ref())
    }
}

/// The value of a field that must not be there twice.
fn once<'r>(r: &'r Response, name: &[u8], error: Error) -> Result<Option<&'r [u8]>, Error> {
    let mut values = r.find_all(name);
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => Err(error),
    }
}

/// `bytes` in base64, which must be `N` characters.
fn base64<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut text = [0; N];
    let written = STANDARD.encode_slice(bytes, &mut text);
    debug_assert_eq!(written, Ok(N));
    text
}

#[cfg(test)]
mod tests;
