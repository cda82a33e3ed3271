//! Asks a proxy, over a connected stream, for a connection to the venue.
//!
//! After that the stream is the venue's. So no byte behind the proxy's answer is taken from it: a
//! SOCKS answer says how long it is, and an HTTP answer is looked at before it is taken. The words
//! of an error hold nothing that the proxy sent, and no credentials.

use std::io;

use tokio::net::TcpStream;

use super::connect::DialError;
use super::socks5::{self, Refusal};
use crate::config::{Credentials, Proxy, ProxyKind};
use crate::error::{Outcome, Status};
use crate::http::tunnel::{TunnelAnswer, connect_request};

/// What a proxy answers with when it wants other credentials (RFC 9110 section 15.5.8). Some say
/// 401 to a wrong password.
const UNAUTHORIZED: u16 = 401;
const PROXY_AUTHENTICATION_REQUIRED: u16 = 407;

/// How much of an HTTP answer is looked at together; most are shorter.
const LOOK: usize = 512;

/// The host and the port that the proxy is to connect to.
#[derive(Clone, Debug)]
pub struct Target {
    /// A name, or an IP address, IPv6 without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// What went wrong.
enum Failure {
    Io(io::Error),
    Socks(Refusal),
    Status(u16),
    Answer(Outcome),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Socks(refusal)
    }
}

impl From<Outcome> for Failure {
    fn from(outcome: Outcome) -> Self {
        Self::Answer(outcome)
    }
}

/// Asks for a connection to `target`; when this returns, `stream` leads there.
pub(super) async fn ask(
    stream: &TcpStream,
    proxy: &Proxy,
    target: &Target,
) -> Result<(), DialError> {
    let credentials = proxy.credentials.as_ref();
    let asked = match proxy.kind {
        ProxyKind::Http => ask_http(stream, credentials, target).await,
        ProxyKind::Socks5 => ask_socks5(stream, credentials, target).await,
    };
    asked.map_err(|failure| named(failure, proxy, target))
}

fn named(failure: Failure, proxy: &Proxy, target: &Target) -> DialError {
    let authority = authority(target);
    let (step, os_error, why) = match failure {
        Failure::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            (Status::ERR_PROXY, 0, "it closed the connection without an answer".to_owned())
        }
        Failure::Io(error) => {
            (Status::ERR_PROXY, error.raw_os_error().unwrap_or(0), error.to_string())
        }
        Failure::Socks(refusal) if refusal.is_of_credentials() => {
            (Status::ERR_PROXY_AUTH, 0, refusal.to_string())
        }
        Failure::Socks(refusal) => (Status::ERR_PROXY, 0, refusal.to_string()),
        Failure::Status(status @ (UNAUTHORIZED | PROXY_AUTHENTICATION_REQUIRED)) => {
            let text = format!("it refuses the user or the password, status {status}");
            (Status::ERR_PROXY_AUTH, 0, text)
        }
        Failure::Status(status) => {
            (Status::ERR_PROXY, 0, format!("it refuses with status {status}"))
        }
        Failure::Answer(outcome) => {
            let name = outcome.name().to_string_lossy();
            (Status::ERR_PROXY, 0, format!("its answer is no HTTP: {name}"))
        }
    };
    DialError { step, os_error, text: format!("proxy {proxy} to {authority}: {why}") }
}

/// A host and its port, IPv6 in brackets (RFC 9110 section 7.1).
fn authority(target: &Target) -> String {
    let Target { host, port } = target;
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

async fn ask_http(
    stream: &TcpStream,
    credentials: Option<&Credentials>,
    target: &Target,
) -> Result<(), Failure> {
    let pair = credentials.map(|both| (&both.user[..], &both.password[..]));
    send(stream, &connect_request(&authority(target), pair)).await?;
    let mut answer = TunnelAnswer::default();
    loop {
        let mut seen = [0; LOOK];
        let count = stream.peek(&mut seen).await?;
        if count == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let (taken, status) = answer.take(&seen[..count])?;
        receive(stream, &mut seen[..taken]).await?;
        match status {
            // RFC 9110 section 9.3.6: any of them, and a length that it tells is not one.
            Some(200..=299) => return Ok(()),
            Some(status) => return Err(Failure::Status(status)),
            None => {}
        }
    }
}

async fn ask_socks5(
    stream: &TcpStream,
    credentials: Option<&Credentials>,
    target: &Target,
) -> Result<(), Failure> {
    send(stream, socks5::greeting(credentials.is_some())).await?;
    let wanted = socks5::wants_credentials(array(stream).await?, credentials.is_some())?;
    if let Some(Credentials { user, password }) = credentials.filter(|_| wanted) {
        send(stream, &socks5::credentials(user, password)).await?;
        socks5::check_credentials(array(stream).await?)?;
    }
    send(stream, &socks5::connect_request(&target.host, target.port)).await?;
    socks5::check_reply(array(stream).await?)?;
    let rest = socks5::rest_of_reply(array(stream).await?)?;
    receive(stream, &mut [0; u8::MAX as usize + 2][..rest]).await?;
    Ok(())
}

/// The next bytes, exactly so many.
async fn array<const LEN: usize>(stream: &TcpStream) -> io::Result<[u8; LEN]> {
    let mut bytes = [0; LEN];
    receive(stream, &mut bytes).await?;
    Ok(bytes)
}

/// Fills `space`, and takes nothing beyond it.
async fn receive(stream: &TcpStream, mut space: &mut [u8]) -> io::Result<()> {
    while !space.is_empty() {
        stream.readable().await?;
        match stream.try_read(space) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => space = &mut space[count..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Sends all of `bytes`, by `send` with `MSG_NOSIGNAL`.
async fn send(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
