//! The WebSocket side of the venue, at `/ws`: login, orders by id, a stream, and faults on request.
//!
//! It reads the frames of a client that keeps the rules, and writes those of a server (RFC 6455
//! section 5.2). What a client asks for is a text of JSON with `op`:
//!
//! - `login`: is acknowledged by `{"event":"login"}`
//! - `order`, with `id` and `clientOrderId`: is counted, and answered with the same `id`
//! - `subscribe`, with `count`: is followed by so many messages of a stream, each of `size` bytes
//! - `fault`, with `name`: a fault at once
//!
//! An order with a `fault` is counted, and then the fault shows in place of its answer, or in it:
//! `close` (with `code`), `half-frame`, `half-rst`, `half-stall`, `half-close`, `rst`, `stall`,
//! `mute`, `late` (with `ms`), `twice`, `slow`, `pings` (with `count`).

use crate::line::Line;
use crate::options::How;
use crate::state::State;
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf, Bytes, BytesMut};
use serde_json::{Value, json};
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// A client of the tests sends nothing longer.
const LONGEST: usize = 16 << 20;

/// The bit of a frame that is a whole message, or its last part.
const FIN: u8 = 0x80;

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// What `Sec-WebSocket-Accept` says to a key (RFC 6455 section 4.2.2).
pub(crate) fn accept_of(key: &str) -> String {
    STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, format!("{key}{GUID}").as_bytes()))
}

/// Serves a connection that has switched, and says how it is to end. `early` came with the upgrade.
pub(crate) async fn serve(line: &mut Line, early: Bytes, state: &Arc<State>) -> How {
    let mut session = Session { line, read: BytesMut::from(&early[..]), state };
    session.run().await.unwrap_or(How::Fin)
}

struct Session<'a> {
    line: &'a mut Line,
    read: BytesMut,
    state: &'a Arc<State>,
}

impl Session<'_> {
    async fn run(&mut self) -> io::Result<How> {
        loop {
            let (opcode, payload) = self.frame().await?;
            match opcode {
                TEXT => {
                    if let Some(how) = self.on_text(&payload).await? {
                        return Ok(how);
                    }
                }
                BINARY => self.send(BINARY, &payload).await?,
                PING => self.send(PONG, &payload).await?,
                CLOSE => {
                    self.send(CLOSE, &payload).await?;
                    return Ok(How::Fin);
                }
                _ => {}
            }
        }
    }

    /// The next frame of the client, unmasked.
    async fn frame(&mut self) -> io::Result<(u8, Vec<u8>)> {
        self.fill(2).await?;
        let (first, second) = (self.read[0], self.read[1] & 0x7f);
        let extended = match second {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        self.fill(2 + extended + 4).await?;
        self.read.advance(2);
        let len = match extended {
            0 => second.into(),
            2 => self.read.get_u16().into(),
            _ => usize::try_from(self.read.get_u64()).unwrap_or(usize::MAX),
        };
        if len > LONGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let key = self.read.split_to(4);
        self.fill(len).await?;
        let masked = self.read.split_to(len);
        let payload = masked.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]).collect();
        Ok((first & 0x0f, payload))
    }

    async fn fill(&mut self, len: usize) -> io::Result<()> {
        while self.read.len() < len {
            if self.line.read_buf(&mut self.read).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    async fn send(&mut self, opcode: u8, payload: &[u8]) -> io::Result<()> {
        self.line.write_all(&server_frame(FIN | opcode, payload)).await?;
        self.line.flush().await
    }

    async fn send_json(&mut self, value: &Value) -> io::Result<()> {
        self.send(TEXT, value.to_string().as_bytes()).await
    }

    async fn on_text(&mut self, text: &[u8]) -> io::Result<Option<How>> {
        let asked: Value = serde_json::from_slice(text).unwrap_or_default();
        match asked["op"].as_str() {
            Some("login") => self.send_json(&json!({"event": "login"})).await?,
            Some("order") => {
                let answer = self.order(&asked).to_string();
                match asked["fault"].as_str() {
                    Some(name) => return self.fault(name, &asked, answer.as_bytes()).await,
                    None => self.send(TEXT, answer.as_bytes()).await?,
                }
            }
            Some("subscribe") => {
                self.line.write_all(&stream(&asked)).await?;
                self.line.flush().await?;
            }
            Some("fault") => {
                let name = asked["name"].as_str().unwrap_or_default();
                return self.fault(name, &asked, b"").await;
            }
            _ => self.send_json(&json!({"id": asked["id"], "error": "unknown op"})).await?,
        }
        Ok(None)
    }

    /// Counts an order, and gives the answer to it.
    fn order(&self, asked: &Value) -> Value {
        let client_id = asked["clientOrderId"].as_str().unwrap_or_default();
        let order_id = self.state.ledger().order(client_id);
        json!({"id": asked["id"], "orderId": order_id, "clientOrderId": client_id, "status": "NEW"})
    }

    /// `answer` is that of an order; empty: there is none.
    async fn fault(&mut self, name: &str, asked: &Value, answer: &[u8]) -> io::Result<Option<How>> {
        match name {
            "close" => {
                let code = asked["code"].as_u64().unwrap_or(1012) as u16;
                self.send(CLOSE, &code.to_be_bytes()).await?;
                return Ok(Some(How::Fin));
            }
            "half-frame" => {
                self.half_of(answer).await?;
                return Ok(Some(How::Fin));
            }
            "half-rst" => {
                self.half_of(answer).await?;
                return Ok(Some(How::Rst));
            }
            "half-close" => {
                // It sends no more, and reads until the client ends the connection, too.
                self.line.shutdown().await?;
                while self.frame().await.is_ok() {}
            }
            "half-stall" => {
                self.half_of(answer).await?;
                pending::<()>().await;
            }
            "rst" => return Ok(Some(How::Rst)),
            "stall" => pending::<()>().await,
            "late" => {
                let ms = asked["ms"].as_u64().unwrap_or(100);
                tokio::time::sleep(Duration::from_millis(ms)).await;
                self.answer(answer).await?;
            }
            "twice" => {
                self.answer(answer).await?;
                self.answer(answer).await?;
            }
            "slow" => self.answer_slowly(answer).await?,
            "pings" => {
                for number in 0..asked["count"].as_u64().unwrap_or(1) {
                    self.send(PING, &number.to_be_bytes()).await?;
                }
                self.answer(answer).await?;
            }
            // `mute` among them: there is no answer.
            _ => {}
        }
        Ok(None)
    }

    async fn answer(&mut self, answer: &[u8]) -> io::Result<()> {
        if answer.is_empty() { Ok(()) } else { self.send(TEXT, answer).await }
    }

    /// Half of the frame of that answer, or of a message of a stream.
    async fn half_of(&mut self, answer: &[u8]) -> io::Result<()> {
        let stream = &b"{\"stream\":\"trades\",\"number\":1}"[..];
        let frame = server_frame(FIN | TEXT, if answer.is_empty() { stream } else { answer });
        self.line.write_all(&frame[..frame.len() / 2]).await?;
        self.line.flush().await
    }

    /// A millisecond or more lies between two bytes.
    async fn answer_slowly(&mut self, answer: &[u8]) -> io::Result<()> {
        for byte in server_frame(FIN | TEXT, answer) {
            self.line.write_all(&[byte]).await?;
            self.line.flush().await?;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }
}

/// The messages of a stream, in one piece: `count` of them, each filled up to `size` bytes.
fn stream(asked: &Value) -> Vec<u8> {
    let size = asked["size"].as_u64().unwrap_or(0) as usize;
    let frame = |number| {
        let mut message = json!({"stream": "trades", "number": number, "pad": ""}).to_string();
        let pad = "x".repeat(size.saturating_sub(message.len()));
        message.insert_str(message.find("\"\"").map_or(0, |at| at + 1), &pad);
        server_frame(FIN | TEXT, message.as_bytes())
    };
    (0..asked["count"].as_u64().unwrap_or(1)).flat_map(frame).collect()
}

/// A frame of a server (RFC 6455 section 5.2): its first byte as it is, and its length in the
/// shortest form.
pub fn server_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..126 => frame.push(len as u8),
        len @ 126..=0xffff => {
            frame.push(126);
            frame.extend((len as u16).to_be_bytes());
        }
        len => {
            frame.push(127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6455 section 1.3.
    #[test]
    fn a_key_is_answered_as_in_the_rfc() {
        assert_eq!(accept_of("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
