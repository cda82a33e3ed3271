//! The answers to the peer's pings (RFC 6455 sections 5.5.2 and 5.5.3).
//!
//! It keeps the payload of the last ping that was not answered, because the frame that answers it
//! may have to wait for an order that is being sent. It knows no frame, key or socket.

use super::frame::MAX_CONTROL_PAYLOAD;

/// The ping that is to be answered, if there is one.
///
/// Of several pings that came before an answer could be sent only the last is answered, as the RFC
/// allows. So a flood of pings takes no memory and sends no more than the socket takes.
#[derive(Clone, Copy, Debug)]
pub struct Pongs {
    payload: [u8; MAX_CONTROL_PAYLOAD],
    /// The length of the payload that is due.
    due: Option<usize>,
}

impl Default for Pongs {
    fn default() -> Self {
        Self { payload: [0; MAX_CONTROL_PAYLOAD], due: None }
    }
}

impl Pongs {
    /// A ping has come, with up to 125 bytes of payload.
    ///
    /// # Panics
    /// When the payload is longer, which the codec has refused.
    pub fn on_ping(&mut self, payload: &[u8]) {
        self.payload[..payload.len()].copy_from_slice(payload);
        self.due = Some(payload.len());
    }

    /// The payload of the pong that is to be sent now. It is given once.
    pub fn take(&mut self) -> Option<&[u8]> {
        self.due.take().map(|len| &self.payload[..len])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ping_is_answered_once() {
        let mut pongs = Pongs::default();
        assert_eq!(pongs.take(), None);
        pongs.on_ping(b"");
        assert_eq!(pongs.take(), Some(&b""[..]));
        assert_eq!(pongs.take(), None);
        pongs.on_ping(&[7; 125]);
        pongs.on_ping(b"second");
        assert_eq!(pongs.take(), Some(&b"second"[..]));
        assert_eq!(pongs.take(), None);
    }
}
