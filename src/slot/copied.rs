//! A copy of a request, for one that waits: its caller may change its own at once.

use zeroize::Zeroizing;

use super::in_flight::{Label, Outgoing, Payload};
use crate::http::late::{Late, OnSend, Place};
use crate::tag::Tag;

/// What a request is made of when it is sent later. Its bytes hold keys, so they are wiped.
pub(crate) struct Copied {
    bytes: Zeroizing<Vec<u8>>,
    is_head: bool,
    closes: bool,
    line_len: usize,
    tag: Tag,
    late: Option<(Box<[Place]>, OnSend)>,
}

impl Copied {
    /// A copy of the request as it is now.
    pub(crate) fn of(outgoing: &Outgoing<'_>) -> Self {
        let late = match &outgoing.payload {
            Payload::Ready(_) => None,
            Payload::Late(late) => Some((late.places.into(), OnSend::clone(late.on_send))),
        };
        let bytes = Zeroizing::new(outgoing.bytes().to_vec());
        let Outgoing { is_head, closes, label, .. } = *outgoing;
        let Label { line_len, tag } = label;
        Self { bytes, is_head, closes, line_len, tag: *tag, late }
    }

    /// Its method and its path, and what its engine calls it.
    pub(crate) fn line_and_tag(&self) -> (&[u8], &Tag) {
        (self.bytes.get(..self.line_len).unwrap_or_default(), &self.tag)
    }

    /// The request as it goes out.
    pub(crate) fn outgoing(&mut self) -> Outgoing<'_> {
        let payload = match &self.late {
            None => Payload::Ready(&self.bytes),
            Some((places, on_send)) => {
                Payload::Late(Late { bytes: &mut self.bytes, places, on_send })
            }
        };
        let label = Label { line_len: self.line_len, tag: &self.tag };
        Outgoing { payload, is_head: self.is_head, closes: self.closes, label }
    }
}
