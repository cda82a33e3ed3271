//! The simplest HTTP client that can tell all the faults apart.

use mock_venue::{Fault, Options, Stats, Venue};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A test that waits for longer than this has failed.
const LIMIT: Duration = Duration::from_secs(10);

/// A connection to a server, plain or TLS.
pub(crate) struct Client<S = TcpStream> {
    pub(crate) stream: S,
    received: Vec<u8>,
}

/// What came for a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::over(tcp(address).expect("connect"))
    }
}

pub(crate) fn tcp(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl<S: Read + Write> Client<S> {
    pub(crate) fn over(stream: S) -> Self {
        Self { stream, received: Vec::new() }
    }

    pub(crate) fn get(&mut self, target: &str) -> io::Result<Answer> {
        self.request("GET", target, "", "")
    }

    pub(crate) fn order(&mut self, id: &str) -> io::Result<Answer> {
        self.request("POST", &format!("/api/v3/order?newClientOrderId={id}"), "", "")
    }

    pub(crate) fn request(
        &mut self,
        method: &str,
        target: &str,
        headers: &str,
        body: &str,
    ) -> io::Result<Answer> {
        self.send(method, target, headers, body)?;
        let mut answer = self.read_head()?;
        if method != "HEAD" {
            self.read_body(&mut answer)?;
        }
        Ok(answer)
    }

    pub(crate) fn send(
        &mut self,
        method: &str,
        target: &str,
        headers: &str,
        body: &str,
    ) -> io::Result<()> {
        let length = body.len();
        write!(
            self.stream,
            "{method} {target} HTTP/1.1\r\nHost: venue\r\nContent-Length: {length}\r\n\
             {headers}\r\n{body}"
        )?;
        self.stream.flush()
    }

    pub(crate) fn read_answer(&mut self) -> io::Result<Answer> {
        let mut answer = self.read_head()?;
        self.read_body(&mut answer)?;
        Ok(answer)
    }

    /// Everything until the end of the connection, and whether that end was in good order.
    pub(crate) fn read_rest(&mut self) -> (Vec<u8>, io::Result<()>) {
        let end = self.stream.read_to_end(&mut self.received).map(|_| ());
        (std::mem::take(&mut self.received), end)
    }

    /// How the connection ends, given that nothing comes before that.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        let (rest, end) = self.read_rest();
        assert_eq!(String::from_utf8_lossy(&rest), "");
        end
    }

    pub(crate) fn read_head(&mut self) -> io::Result<Answer> {
        let end = loop {
            if let Some(at) = self.received.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.receive()?;
        };
        let head: Vec<u8> = self.received.drain(..end).collect();
        let head = String::from_utf8(head).expect("a head in ASCII");
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        Ok(Answer { status, head, body: Vec::new() })
    }

    fn read_body(&mut self, answer: &mut Answer) -> io::Result<()> {
        if answer.header("transfer-encoding") == Some("chunked") {
            return self.read_chunks(answer);
        }
        let length = answer.header("content-length").map_or(0, |text| text.parse().unwrap());
        answer.body = self.take(length)?;
        Ok(())
    }

    fn read_chunks(&mut self, answer: &mut Answer) -> io::Result<()> {
        loop {
            let line_end = loop {
                if let Some(at) = self.received.windows(2).position(|two| two == b"\r\n") {
                    break at + 2;
                }
                self.receive()?;
            };
            let line = String::from_utf8(self.take(line_end)?).unwrap();
            let size = usize::from_str_radix(line.trim(), 16).unwrap();
            answer.body.extend(self.take(size)?);
            assert_eq!(self.take(2)?, b"\r\n");
            if size == 0 {
                return Ok(());
            }
        }
    }

    fn take(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.received.len() < count {
            self.receive()?;
        }
        Ok(self.received.drain(..count).collect())
    }

    fn receive(&mut self) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                self.received.extend_from_slice(&buffer[..count]);
                Ok(())
            }
        }
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("a body in JSON")
    }
}

/// A plain venue with one fault, and a client connected to it.
pub(crate) fn with_fault(spec: &str) -> (Venue, Client) {
    let venue = Venue::start(Options { faults: vec![fault(spec)], ..Options::plain() }).unwrap();
    let client = Client::connect(venue.address());
    (venue, client)
}

pub(crate) fn fault(spec: &str) -> Fault {
    spec.parse().unwrap()
}

pub(crate) fn is_reset(result: io::Result<impl Sized>) -> bool {
    result.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset)
}

pub(crate) fn is_eof(result: io::Result<impl Sized>) -> bool {
    result.is_err_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
}

/// Waits until the counts of a venue satisfy a condition.
pub(crate) fn until(venue: &Venue, condition: impl Fn(&Stats) -> bool) {
    let start = Instant::now();
    while !condition(&venue.stats()) {
        assert!(start.elapsed() < LIMIT, "still {:?}", venue.stats());
        std::thread::sleep(Duration::from_millis(1));
    }
}

pub(crate) type TlsClient = Client<StreamOwned<ClientConnection, TcpStream>>;

/// TLS settings that trust `ca_pem`, with a client certificate if there is one.
pub(crate) fn trust(ca_pem: &str, client_pem: Option<&str>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    Arc::new(match client_pem {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![certificate], key).unwrap()
        }
    })
}

/// Connects, and goes through the TLS handshake.
pub(crate) fn tls_connect(
    address: SocketAddr,
    config: &Arc<ClientConfig>,
) -> io::Result<TlsClient> {
    let name = ServerName::try_from("localhost").unwrap();
    let mut tls = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
    let mut stream = tcp(address)?;
    while tls.is_handshaking() {
        tls.complete_io(&mut stream)?;
    }
    Ok(Client::over(StreamOwned::new(tls, stream)))
}
