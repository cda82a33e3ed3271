//! tungstenite, on a blocking socket.

use std::net::TcpStream;

use bench_peers::websocket::{MESSAGE, WebSocketClient, run, switched};
use bench_peers::{Options, fail};
use tungstenite::protocol::Role;
use tungstenite::{Message, WebSocket};

struct Tungstenite(WebSocket<TcpStream>);

impl Tungstenite {
    fn send(&mut self, text: &str) {
        let sent = self.0.send(Message::text(text));
        sent.unwrap_or_else(|error| fail(&format!("tungstenite: {error}")));
    }

    fn receive(&mut self) -> Message {
        self.0.read().unwrap_or_else(|error| fail(&format!("tungstenite: {error}")))
    }
}

impl WebSocketClient for Tungstenite {
    async fn open(options: &Options) -> Self {
        let stream = switched(options).await.into_std().expect("it is a socket");
        stream.set_nonblocking(false).expect("it is a socket");
        Self(WebSocket::from_raw_socket(stream, Role::Client, None))
    }

    async fn echo(&mut self, order: &str, back: impl FnOnce(&[u8])) {
        self.send(order);
        let Message::Text(text) = self.receive() else { fail("no text") };
        back(text.as_bytes());
    }

    async fn stream(&mut self, request: &str, count: u64) {
        self.send(request);
        for _ in 0..count {
            if self.receive().len() != MESSAGE {
                fail("another message came");
            }
        }
    }
}

fn main() {
    run::<Tungstenite>();
}
