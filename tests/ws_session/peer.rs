//! A venue that speaks WebSocket by tungstenite: one function of the test for each connection.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tungstenite::{Message, WebSocket, accept};

use crate::program::Credential;

/// A stream of either kind.
pub(crate) trait Stream: Read + Write + Send {
    /// The socket under it.
    fn socket(&self) -> &TcpStream;
}

impl Stream for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

impl Stream for StreamOwned<ServerConnection, TcpStream> {
    fn socket(&self) -> &TcpStream {
        &self.sock
    }
}

pub(crate) type Peer = WebSocket<Box<dyn Stream>>;

/// A server on a port of its own, until the process ends.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// What a client trusts, if it speaks TLS.
    pub(crate) ca: Option<String>,
    accepted: Arc<AtomicU32>,
}

impl Server {
    /// `serve` gets each stream with its number, from 0, before anything was read.
    pub(crate) fn of_streams(
        is_tls: bool,
        serve: impl Fn(u32, Box<dyn Stream>) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let accepted = Arc::new(AtomicU32::new(0));
        let (tls, ca) = if is_tls { tls() } else { (None, None) };
        let (serve, count) = (Arc::new(serve), Arc::clone(&accepted));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                stream.set_nodelay(true).unwrap();
                // A test that has gone wrong leaves no thread behind.
                stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                let number = count.fetch_add(1, Ordering::SeqCst);
                let (serve, tls) = (Arc::clone(&serve), tls.clone());
                thread::spawn(move || match tls {
                    None => serve(number, Box::new(stream)),
                    Some(config) => {
                        let tls = ServerConnection::new(config).unwrap();
                        serve(number, Box::new(StreamOwned::new(tls, stream)));
                    }
                });
            }
        });
        Self { address, ca, accepted }
    }

    /// `serve` gets each connection that has switched to WebSocket.
    pub(crate) fn start(
        is_tls: bool,
        serve: impl Fn(u32, &mut Peer) + Send + Sync + 'static,
    ) -> Self {
        Self::of_streams(is_tls, move |number, stream| {
            if let Ok(mut peer) = accept(stream) {
                serve(number, &mut peer);
            }
        })
    }

    /// `fault` gets the first connection, and [`exchange`] those that follow.
    pub(crate) fn faulty(fault: impl Fn(&mut Peer) + Send + Sync + 'static) -> Self {
        Self::start(false, move |number, peer| match number {
            0 => fault(peer),
            _ => exchange(peer),
        })
    }

    pub(crate) fn url(&self) -> String {
        let scheme = if self.ca.is_some() { "https://localhost" } else { "http://127.0.0.1" };
        format!("{scheme}:{}", self.address.port())
    }

    pub(crate) fn accepted(&self) -> u32 {
        self.accepted.load(Ordering::SeqCst)
    }
}

fn tls() -> (Option<Arc<ServerConfig>>, Option<String>) {
    let credential = Credential::new();
    let read = |name: &str| std::fs::read(credential.folder.join(name)).unwrap();
    let chain = rustls::pki_types::CertificateDer::pem_slice_iter(&read("server.pem"))
        .map(Result::unwrap)
        .collect();
    let key = PrivateKeyDer::from_pem_slice(&read("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    (Some(Arc::new(config)), Some(credential.ca_pem.clone()))
}

/// Answers each text as an exchange does, until the connection ends: `id:N` by `id:N ok`, `sub` by
/// three messages, anything else by itself.
pub(crate) fn exchange(peer: &mut Peer) {
    while let Ok(message) = peer.read() {
        let Message::Text(text) = message else { continue };
        let answers = match text.as_str() {
            "sub" => vec!["tick 1".to_owned(), "tick 2".to_owned(), "tick 3".to_owned()],
            text if text.starts_with("id:") => vec![format!("{text} ok")],
            text => vec![text.to_owned()],
        };
        for answer in answers {
            if peer.send(Message::text(answer)).is_err() {
                return;
            }
        }
    }
}
