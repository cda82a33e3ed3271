//! The control server: what a [`Venue`] can be asked and told, over plain HTTP on a
//! port and a thread of its own, out of reach of the faults.

use crate::accept;
use crate::fault::Fault;
use crate::ledger::Stats;
use crate::options::How;
use crate::venue::Venue;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::fmt::Display;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::str::FromStr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::{LocalSet, spawn_local};

/// A control server that serves until it is dropped.
pub struct Control {
    address: SocketAddr,
    // Dropping the sender ends the thread, which is joined after that.
    running: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl Control {
    /// Serves the control endpoints of `venue` on `listen`; port 0 takes a free one.
    pub fn serve(venue: Arc<Venue>, listen: SocketAddr) -> io::Result<Self> {
        let listener = accept::listen(listen)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (running, ended) = oneshot::channel();
        let thread =
            std::thread::Builder::new().name("mock-venue-control".into()).spawn(move || {
                LocalSet::new().block_on(&runtime, async {
                    tokio::select! {
                        _ = ended => {}
                        // A listener that fails leaves the venue without control, no more.
                        _ = run(listener, venue) => {}
                    }
                });
            })?;
        Ok(Self { address, running: Some(running), thread: Some(thread) })
    }

    /// Where the control server is, such as `http://127.0.0.1:40124`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address of its socket.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.running = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn run(listener: TcpListener, venue: Arc<Venue>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let venue = Arc::clone(&venue);
        let service = service_fn(move |request: Request<Incoming>| {
            // The venue's methods block, which is fine here: it runs on another thread, and the
            // requests of a control server may well wait for each other.
            let response = respond(&venue, &request);
            async { Ok::<_, Infallible>(response) }
        });
        spawn_local(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

/// A refusal with its reason.
struct Refused(StatusCode, String);

impl Refused {
    fn bad_request(reason: impl Display) -> Self {
        Self(StatusCode::BAD_REQUEST, reason.to_string())
    }
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

fn respond(venue: &Venue, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let (status, answer) = match carry_out(venue, request) {
        Ok(answer) => (StatusCode::OK, answer),
        Err(Refused(status, reason)) => (status, json!({ "error": reason })),
    };
    let mut response = Response::new(Full::from(answer.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn carry_out(venue: &Venue, request: &Request<Incoming>) -> Result<Value, Refused> {
    let query = Query(request.uri().query().unwrap_or_default());
    let path = request.uri().path();
    let get = request.method() == Method::GET;
    let post = request.method() == Method::POST;
    match path {
        "/stats" if get => return Ok(stats(&venue.stats())),
        "/fault" if post => venue.set_fault(query.required::<Fault>("spec")?)?,
        "/faults/clear" if post => venue.clear_faults()?,
        "/certificate" if post => venue.set_certificate(query.required("kind")?)?,
        "/kill" if post => {
            let how = query.get("how")?.unwrap_or(How::Rst);
            let killed = venue.kill_some(how, query.get("count")?.unwrap_or(usize::MAX));
            return Ok(json!({ "killed": killed }));
        }
        "/stop" if post => venue.stop(query.get("how")?.unwrap_or(How::Rst))?,
        "/restart" if post => {
            let down = query.get("down_ms")?.unwrap_or(0);
            venue.stop(query.get("how")?.unwrap_or(How::Rst))?;
            std::thread::sleep(Duration::from_millis(down));
            venue.restart()?;
        }
        _ => {
            return match path.strip_prefix("/orders/") {
                Some(id) if get => Ok(json!({ "id": id, "count": venue.orders_with_id(id) })),
                _ => Err(Refused(StatusCode::NOT_FOUND, format!("no such endpoint: {path}"))),
            };
        }
    }
    Ok(json!({ "ok": true }))
}

/// The part of a target after its question mark.
struct Query<'a>(&'a str);

impl Query<'_> {
    fn get<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>, Refused> {
        let mut pairs = form_urlencoded::parse(self.0.as_bytes());
        let found = pairs.find(|(key, _)| key == name);
        let parsed = found.map(|(_, value)| value.parse().map_err(Refused::bad_request));
        parsed.transpose()
    }

    fn required<T: FromStr<Err: Display>>(&self, name: &str) -> Result<T, Refused> {
        self.get(name)?.ok_or_else(|| Refused::bad_request(format!("?{name}= is missing")))
    }
}

fn stats(stats: &Stats) -> Value {
    json!({
        "connections": stats.connections,
        "open": stats.open,
        "tls_handshakes": stats.tls_handshakes,
        "tls_failed": stats.tls_failed,
        "tls_resumed": stats.tls_resumed,
        "requests": stats.requests,
        "orders": stats.orders,
        "distinct_orders": stats.distinct_orders,
        "duplicates": stats.duplicates,
        "max_requests_on_connection": stats.max_requests_on_connection,
        "ended_close_notify": stats.ended_close_notify,
        "ended_fin": stats.ended_fin,
        "ended_reset": stats.ended_reset,
    })
}
