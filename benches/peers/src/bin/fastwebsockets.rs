//! fastwebsockets, on tokio.

use bench_peers::websocket::{MESSAGE, WebSocketClient, run, switched};
use bench_peers::{Options, fail};
use fastwebsockets::{FragmentCollector, Frame, Payload, Role, WebSocket};
use tokio::net::TcpStream;

struct FastWebSockets(FragmentCollector<TcpStream>);

impl FastWebSockets {
    async fn send(&mut self, text: &str) {
        // The collector wants frames that live as long as it does, and it masks them in place.
        let frame = Frame::text(Payload::Owned(text.as_bytes().to_vec()));
        let sent = self.0.write_frame(frame).await;
        sent.unwrap_or_else(|error| fail(&format!("fastwebsockets: {error}")));
    }

    async fn receive(&mut self) -> Frame<'_> {
        let frame = self.0.read_frame().await;
        frame.unwrap_or_else(|error| fail(&format!("fastwebsockets: {error}")))
    }
}

impl WebSocketClient for FastWebSockets {
    async fn open(options: &Options) -> Self {
        let mut socket = WebSocket::after_handshake(switched(options).await, Role::Client);
        socket.set_writev(true);
        Self(FragmentCollector::new(socket))
    }

    async fn echo(&mut self, order: &str, back: impl FnOnce(&[u8])) {
        self.send(order).await;
        back(&self.receive().await.payload);
    }

    async fn stream(&mut self, request: &str, count: u64) {
        self.send(request).await;
        for _ in 0..count {
            if self.receive().await.payload.len() != MESSAGE {
                fail("another message came");
            }
        }
    }
}

fn main() {
    run::<FastWebSockets>();
}
