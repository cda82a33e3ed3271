//! Asks the server to switch a connection to WebSocket, and waits for its answer.
//!
//! The codecs of `src/http` and `src/ws` write and check; here are the socket and the time limit.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::event::Failed;
use super::keys::nonce;
use super::settings::Settings;
use crate::error::Status;
use crate::http::limits::Limits;
use crate::http::origin::Origin;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::net::connect::DialError;
use crate::net::connection::{Connection, Fault, Received};
use crate::net::watch::Watch;
use crate::ws::error::Error;
use crate::ws::handshake::{Agreed, Handshake};

/// A response has so much room at first.
const CAPACITY: usize = 8 * 1024;
/// So much of a body is in the words of an error.
const SHOWN: usize = 120;

/// What every upgrade of a session asks with.
pub(super) struct Asks {
    pub(super) origin: Arc<Origin>,
    pub(super) path: Vec<u8>,
    pub(super) limits: Limits,
    pub(super) settings: Arc<Settings>,
}

/// The server has switched: what was agreed, and the first bytes of frames.
pub(super) struct Switched {
    pub(super) agreed: Agreed,
    pub(super) behind: Vec<u8>,
}

/// Why there is no session: the event, and the body of an answer that was not 101.
pub(super) struct Refused {
    pub(super) failed: Failed,
    pub(super) body: Vec<u8>,
}

impl Asks {
    /// Writes the request, as it is checked when a session is opened.
    ///
    /// # Errors
    /// As for the parts of a request.
    pub(super) fn request(&self) -> Result<(Handshake, Request), Status> {
        let handshake = Handshake::new(nonce(), self.settings.offer.clone())?;
        let mut request = Request::new(Arc::clone(&self.origin));
        request.begin(b"GET", &self.path)?;
        handshake.write(&mut request)?;
        for (name, value) in &self.settings.headers {
            request.header(name, value)?;
        }
        request.finish()?;
        Ok((handshake, request))
    }

    pub(super) async fn ask(
        &self,
        connection: &mut Connection,
        watch: &Watch,
    ) -> Result<Switched, Refused> {
        let budget = Duration::from_nanos(self.settings.upgrade_ns);
        match timeout(budget, self.ask_without_limit(connection, watch)).await {
            Ok(result) => result,
            Err(_) => Err(refused(0, format!("no answer within {budget:?}"), Vec::new())),
        }
    }

    async fn ask_without_limit(
        &self,
        connection: &mut Connection,
        watch: &Watch,
    ) -> Result<Switched, Refused> {
        let no_request = |status: Status| refused(0, format!("{status:?}"), Vec::new());
        let (mut handshake, mut request) = self.request().map_err(no_request)?;
        let bytes = request.finish().map_err(no_request)?;
        connection.append(bytes).1.map_err(|fault| broken(connection, &fault))?;
        let mut response = Response::with_capacity(CAPACITY);
        loop {
            let judged = match receive(connection, &mut response, &self.limits)? {
                Received::Bytes(_) => handshake.on_bytes(&mut response, &self.limits),
                Received::End { clean } => handshake.on_eof(&mut response, clean),
                Received::Nothing => {
                    wait(connection, watch).await?;
                    Ok(None)
                }
            };
            match judged {
                Ok(None) => {}
                Ok(Some(agreed)) => {
                    return Ok(Switched { agreed, behind: response.behind().to_vec() });
                }
                Err(error) => return Err(judged_wrong(&response, error)),
            }
        }
    }
}

fn receive(
    connection: &mut Connection,
    response: &mut Response,
    limits: &Limits,
) -> Result<Received, Refused> {
    let space = response
        .space(limits, CAPACITY)
        .map_err(|outcome| refused(0, format!("{outcome:?}"), Vec::new()))?;
    let received = connection.receive(space);
    match received {
        Ok(received) => {
            if let Received::Bytes(n) = received {
                response.commit(n);
            }
            Ok(received)
        }
        Err(fault) => Err(broken(connection, &fault)),
    }
}

async fn wait(connection: &mut Connection, watch: &Watch) -> Result<(), Refused> {
    let of_system = |error: std::io::Error| refused(0, error.to_string(), Vec::new());
    if connection.has_unsent() {
        watch.writable().await.map_err(of_system)?.clear_ready();
        return connection.flush().map_err(|fault| broken(connection, &fault));
    }
    // Cleared before the read: what comes from now on makes it ready again.
    watch.readable().await.map_err(of_system)?.clear_ready();
    Ok(())
}

fn broken(connection: &Connection, fault: &Fault) -> Refused {
    let why = connection.tls_fault().unwrap_or_else(|| format!("{fault:?}"));
    refused(0, why, Vec::new())
}

fn judged_wrong(response: &Response, error: Error) -> Refused {
    if error != Error::NotSwitched {
        return refused(0, error.to_string(), Vec::new());
    }
    let body = response.body().to_vec();
    let shown = String::from_utf8_lossy(&body[..body.len().min(SHOWN)]).into_owned();
    refused(response.status(), format!("answered {}: {shown}", response.status()), body)
}

fn refused(http_status: u16, text: String, body: Vec<u8>) -> Refused {
    let (status, text) = (Status::ERR_UPGRADE, format!("upgrade: {text}"));
    Refused { failed: Failed { status, http_status, os_error: 0, until_ns: 0, text }, body }
}

/// A dial that has failed.
pub(super) fn undialled(error: DialError) -> Refused {
    let DialError { step, os_error, text } = error;
    let failed = Failed { status: step, http_status: 0, os_error, until_ns: 0, text };
    Refused { failed, body: Vec::new() }
}
