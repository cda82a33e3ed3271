//! What the WebSocket clients in Rust share: the order and the load of ../../websocket.hpp, for
//! clients whose messages are futures. It does not know how a message is sent.

use std::future::Future;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, LocalOptions};

use crate::fail;
use crate::options::Options;
use crate::record::{Record, Report, Usage, now_ns, rss_kib};

/// What each message has: an order, and each message of the stream.
pub const MESSAGE: usize = 200;

const ID_AT: usize = 6;
const ID_SIZE: usize = 16;

/// How a peer sends messages.
pub trait WebSocketClient: Sized {
    /// Dials, and returns when the connection has switched.
    fn open(options: &Options) -> impl Future<Output = Self>;

    /// Sends an order, and tells what has come back.
    fn echo(&mut self, order: &str, back: impl FnOnce(&[u8])) -> impl Future<Output = ()>;

    /// Sends the request, and returns when so many messages have come.
    fn stream(&mut self, request: &str, count: u64) -> impl Future<Output = ()>;
}

/// One order: the next one differs by its number.
struct Order {
    number: u64,
    text: String,
}

impl Order {
    fn new() -> Self {
        let mut text =
            r#"{"id":1000000000000000,"op":"order","symbol":"BTCUSDT","side":"BUY""#.to_owned();
        text += r#","type":"LIMIT","timeInForce":"GTC","quantity":"0.00100000""#;
        text += r#","price":"65000.00","recvWindow":5000,"pad":""#;
        text += &"x".repeat(MESSAGE - 2 - text.len());
        text += "\"}";
        Self { number: 1_000_000_000_000_000, text }
    }

    fn next(&mut self) {
        self.number += 1;
        self.text.replace_range(ID_AT..ID_AT + ID_SIZE, &self.number.to_string());
    }

    fn is_in(&self, back: &[u8]) -> bool {
        back == self.text.as_bytes()
    }
}

/// A connection that has switched, for clients that take one over.
pub async fn switched(options: &Options) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", options.port)).await;
    let mut stream = stream.unwrap_or_else(|error| fail(&format!("connect: {error}")));
    stream.set_nodelay(true).expect("it is a socket");
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {}:{}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        options.host, options.port
    );
    stream.write_all(request.as_bytes()).await.unwrap_or_else(|_| fail("the upgrade"));
    let mut head = Vec::new();
    // By single bytes, so that nothing of a frame is taken.
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap_or_else(|_| fail("the upgrade")));
    }
    if !head.starts_with(b"HTTP/1.1 101") {
        fail("no upgrade");
    }
    stream
}

/// The main function of a client.
pub fn run<C: WebSocketClient>() {
    let options = Options::parse();
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .unwrap_or_else(|error| fail(&format!("runtime: {error}")));
    runtime.block_on(async {
        let rss_before = rss_kib();
        let mut client = C::open(&options).await;
        let rss_open = rss_kib();
        let mut order = Order::new();
        load(&mut client, &options, options.warm_up, &mut order).await;
        let (before, start) = (Usage::now(), now_ns());
        let record = load(&mut client, &options, options.requests, &mut order).await;
        let elapsed_ns = now_ns() - start;
        let after = Usage::now();
        let usage = [before, after, after];
        let report = Report { record, elapsed_ns, usage, rss_kib: [rss_before, rss_open] };
        report.print().unwrap_or_else(|error| fail(&format!("stdout: {error}")));
        println!("messages {}", options.requests);
    });
}

async fn load<C: WebSocketClient>(
    client: &mut C,
    options: &Options,
    messages: u64,
    order: &mut Order,
) -> Record {
    let mut record = Record::default();
    if options.content == "stream" {
        let start = now_ns();
        client.stream(&format!("stream {messages}"), messages).await;
        record.latency_ns.push(now_ns() - start);
        return record;
    }
    record.latency_ns.reserve(messages as usize);
    for _ in 0..messages {
        order.next();
        let sent = now_ns();
        let mut answered = None;
        let current = &*order;
        let tell = |back: &[u8]| answered = current.is_in(back).then(now_ns);
        client.echo(&current.text, tell).await;
        let answered = answered.unwrap_or_else(|| fail("another order came back"));
        record.latency_ns.push(answered - sent);
    }
    record
}
