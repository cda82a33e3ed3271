//! hyper, without a pool: one connection for each request in flight.

use std::cell::RefCell;

use bench_peers::hyper_parts::{Template, tell};
use bench_peers::{Answer, Client, Options, Request, fail, run, tls_config};
use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

type Sender = SendRequest<Full<Bytes>>;

struct Hyper {
    options: Options,
    tls: TlsConnector,
    template: Template,
    senders: Vec<RefCell<Option<Sender>>>,
}

impl Hyper {
    async fn dial(&self) -> Result<Sender, Box<dyn std::error::Error>> {
        let stream = TcpStream::connect((self.options.host.as_str(), self.options.port)).await?;
        stream.set_nodelay(true)?;
        if !self.options.tls() {
            let (sender, connection) = handshake(TokioIo::new(stream)).await?;
            tokio::task::spawn_local(connection);
            return Ok(sender);
        }
        let name = ServerName::try_from(self.options.host.clone())?;
        let stream = self.tls.connect(name, stream).await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::task::spawn_local(connection);
        Ok(sender)
    }

    /// The lane's connection; a new one if that is known to be closed.
    async fn sender(&self, lane: usize) -> Sender {
        match self.senders[lane].take() {
            Some(sender) if !sender.is_closed() => sender,
            _ => self.dial().await.unwrap_or_else(|error| fail(&format!("dial: {error}"))),
        }
    }

    async fn exchange(
        sender: &mut Sender,
        request: hyper::Request<Full<Bytes>>,
        answered: &mut Option<impl FnOnce(&Answer<'_>)>,
    ) -> Result<(), hyper::Error> {
        sender.ready().await?;
        let response = sender.send_request(request).await?;
        tell(response, |answer| answered.take().expect("told once")(answer)).await
    }
}

impl Client for Hyper {
    async fn open(options: &Options) -> Self {
        let hyper = Self {
            options: options.clone(),
            tls: TlsConnector::from(Arc::new(tls_config(options))),
            template: Template::new("", options),
            senders: (0..options.connections).map(|_| RefCell::default()).collect(),
        };
        for lane in 0..options.connections {
            let sender = hyper.sender(lane).await;
            hyper.senders[lane].replace(Some(sender));
        }
        hyper
    }

    async fn send(&self, lane: usize, request: &Request, answered: impl FnOnce(&Answer<'_>)) {
        let mut answered = Some(answered);
        let mut sender = self.sender(lane).await;
        let result = Self::exchange(&mut sender, self.template.fill(request), &mut answered).await;
        self.senders[lane].replace(Some(sender));
        if let Err(error) = result {
            if !self.options.tolerant {
                fail(&format!("hyper: {error}"));
            }
            if let Some(answered) = answered {
                answered(&Answer::default());
            }
        }
    }
}

fn main() {
    run::<Hyper>();
}
