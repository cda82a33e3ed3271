//! nexus-async-net: its WebSocket reader and writer, on tokio.

use bench_peers::websocket::{MESSAGE, WebSocketClient, run};
use bench_peers::{Options, fail};
use nexus_async_net::maybe_tls::MaybeTls;
use nexus_async_net::ws::{WsReader, WsStreamBuilder, WsWriter};
use nexus_net::ws::Message;

struct Nexus {
    reader: WsReader,
    writer: WsWriter,
    connection: MaybeTls,
}

impl Nexus {
    async fn send(&mut self, text: &str) {
        let sent = self.writer.send_text(&mut self.connection, text).await;
        sent.unwrap_or_else(|error| fail(&format!("nexus: {error}")));
    }

    async fn receive(&mut self) -> &str {
        match self.reader.recv(&mut self.connection).await {
            Ok(Some(Message::Text(text))) => text,
            Ok(_) => fail("no text"),
            Err(error) => fail(&format!("nexus: {error}")),
        }
    }
}

impl WebSocketClient for Nexus {
    async fn open(options: &Options) -> Self {
        let url = format!("ws://127.0.0.1:{}/ws", options.port);
        let builder = WsStreamBuilder::new().disable_nagle().buffer_capacity(1 << 20);
        let opened = builder.connect(&url).await;
        let (reader, writer, connection) =
            opened.unwrap_or_else(|error| fail(&format!("nexus: {error}")));
        Self { reader, writer, connection }
    }

    async fn echo(&mut self, order: &str, back: impl FnOnce(&[u8])) {
        self.send(order).await;
        back(self.receive().await.as_bytes());
    }

    async fn stream(&mut self, request: &str, count: u64) {
        self.send(request).await;
        for _ in 0..count {
            if self.receive().await.len() != MESSAGE {
                fail("another message came");
            }
        }
    }
}

fn main() {
    run::<Nexus>();
}
