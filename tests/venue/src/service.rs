//! The endpoints of the venue, and the faults that concern whole requests and answers.

use crate::answer::AnswerBody;
use crate::fault::Plan;
use crate::ledger::{Ledger, now_ms};
use crate::line::ExchangeRef;
use crate::replies::{self, Reply};
use crate::signature::SigningKey;
use crate::state::State;
use crate::websocket;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use std::cell::Cell;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The default size of the exchange information, in bytes.
const EXCHANGE_INFO: usize = 4 << 20;

/// The endpoint whose answers have a head of ten fields.
const SHORT_HEAD: &str = "/api/v3/time/short";

/// The largest body that a query can ask for.
const LARGEST: usize = 256 << 20;

/// The HTTP side of one connection.
pub(crate) struct Session {
    state: Arc<State>,
    exchange: ExchangeRef,
    over_limit: bool,
    served: Cell<u64>,
    is_switched: Cell<bool>,
}

/// A request that has arrived whole.
struct Call {
    head: Parts,
    body: Bytes,
}

impl Session {
    pub(crate) fn new(state: Arc<State>, exchange: ExchangeRef, over_limit: bool) -> Self {
        Self { state, exchange, over_limit, served: Cell::new(0), is_switched: Cell::new(false) }
    }

    /// Receives a request, carries it out and answers it, as far as the faults allow.
    pub(crate) async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<AnswerBody>, hyper::Error> {
        self.exchange.begin();
        let (head, body) = request.into_parts();
        let call = Call { head, body: body.collect().await?.to_bytes() };
        self.served.set(self.served.get() + 1);
        self.state.ledger().request(self.served.get());

        let plan = self.state.faults.plan(call.head.uri.path(), self.served.get());
        if let Some(response) = self.switch(&call, &plan) {
            return Ok(response);
        }
        let reply = self.carry_out(&call, &plan);
        if let Some(code) = plan.interim {
            self.exchange.send(&replies::interim(code));
        }
        wait(plan.delay).await;
        if plan.stall {
            pending::<()>().await;
        }
        let response = self.dress(&call, reply, plan.announce_close);
        self.exchange.arrange(plan);
        Ok(response)
    }

    /// The answer to a request for WebSocket at `/ws`, if no fault takes its place.
    fn switch(&self, call: &Call, plan: &Plan) -> Option<Response<AnswerBody>> {
        let key = call.head.headers.get("sec-websocket-key")?.to_str().ok()?;
        if call.head.uri.path() != "/ws" || self.over_limit {
            return None;
        }
        if plan.status.is_some() || plan.stall || plan.cut.is_some() {
            return None;
        }
        self.is_switched.set(true);
        let response = Response::builder()
            .status(StatusCode::SWITCHING_PROTOCOLS)
            .header(CONNECTION, "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-accept", websocket::accept_of(key));
        response.body(AnswerBody::new(Bytes::new(), false, self.exchange.clone())).ok()
    }

    /// Whether the connection is one of WebSocket from now on.
    pub(crate) fn is_switched(&self) -> bool {
        self.is_switched.get()
    }

    /// What the venue does and would like to answer, and what the faults put in its place.
    fn carry_out(&self, call: &Call, plan: &Plan) -> Reply {
        if self.over_limit {
            return replies::too_many_connections();
        }
        match plan.status {
            Some(refusal) if refusal.code < 500 => replies::refusal(refusal),
            Some(failure) => {
                // The order has been executed; that the answer denies it is the point.
                let _ = self.route(call);
                replies::refusal(failure)
            }
            None => self.route(call),
        }
    }

    fn dress(&self, call: &Call, reply: Reply, announce_close: bool) -> Response<AnswerBody> {
        let usage = self.state.ledger().usage();
        let chunked = self.state.chunked || call.query("chunked").as_deref() == Some("1");
        let mut response = Response::new(());
        *response.status_mut() = reply.status;
        let headers = response.headers_mut();
        replies::add_headers(headers, &reply, usage, call.head.uri.path() == SHORT_HEAD);
        headers.insert("x-request-body-length", HeaderValue::from(call.body.len()));
        if let Some(id) = call.head.headers.get("x-request-id") {
            headers.insert("x-request-id", id.clone());
        }
        if announce_close || self.over_limit {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response.map(|()| AnswerBody::new(reply.body, chunked, self.exchange.clone()))
    }

    fn route(&self, call: &Call) -> Reply {
        let path = call.head.uri.path();
        let read = call.head.method == Method::GET || call.head.method == Method::HEAD;
        match path {
            "/api/v3/order" => self.order(call),
            "/api/v3/ping" if read => replies::json("{}"),
            "/api/v3/time" | SHORT_HEAD if read => {
                replies::json(format!("{{\"serverTime\":{}}}", now_ms()))
            }
            "/api/v3/account" if read => replies::account(),
            "/api/v3/exchangeInfo" if read => {
                let bytes = call.query("bytes").and_then(|bytes| bytes.parse().ok());
                let size = bytes.unwrap_or(EXCHANGE_INFO).min(LARGEST);
                replies::json(self.state.exchange_info(size))
            }
            "/echo" if call.query("raw").as_deref() == Some("1") => replies::raw(call.body.clone()),
            "/echo" => replies::echo(&call.head, &call.body),
            _ => match path.strip_prefix("/status/").map(str::parse) {
                Some(Ok(code @ 200..=599)) => replies::status(code),
                _ => replies::not_found(path),
            },
        }
    }

    fn order(&self, call: &Call) -> Reply {
        if let Some(key) = &self.state.signing_key {
            if !call.head.headers.contains_key("x-mbx-apikey") {
                return replies::error(401, -2014, "API-key format invalid.");
            }
            if !call.is_signed_with(key) {
                return replies::error(401, -1022, "Signature for this request is not valid.");
            }
        }
        let Some(client_id) = call.client_order_id() else {
            return replies::error(
                400,
                -1102,
                "Mandatory parameter 'newClientOrderId' was missing.",
            );
        };
        let value = |name: &str, otherwise: &str| call.value(name).unwrap_or(otherwise.into());
        let symbol = value("symbol", "BTCUSDT");
        let found = |ledger: &Ledger| ledger.find(&client_id);
        let ledger = &mut *self.state.ledger();
        match call.head.method {
            Method::POST => {
                let order_id = ledger.order(&client_id);
                let (side, price) = (value("side", "BUY"), value("price", "65000.00"));
                let quantity = value("quantity", "0.01000000");
                replies::order_placed(order_id, &client_id, &symbol, &side, &price, &quantity)
            }
            Method::DELETE => found(ledger).map_or_else(
                || replies::error(400, -2011, "Unknown order sent."),
                |order_id| replies::order_state(order_id, &client_id, &symbol, "CANCELED"),
            ),
            Method::GET => found(ledger).map_or_else(
                || replies::error(400, -2013, "Order does not exist."),
                |order_id| replies::order_state(order_id, &client_id, &symbol, "FILLED"),
            ),
            _ => replies::error(405, -1000, "Method not allowed."),
        }
    }
}

impl Call {
    fn query(&self, name: &str) -> Option<String> {
        form_value(self.head.uri.query()?.as_bytes(), name)
    }

    /// A parameter from the query, an url-encoded body or a JSON body.
    fn value(&self, name: &str) -> Option<String> {
        if let Some(value) = self.query(name) {
            return Some(value);
        }
        if !self.body.starts_with(b"{") {
            return form_value(&self.body, name);
        }
        let json: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        match json.get(name)? {
            serde_json::Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    fn client_order_id(&self) -> Option<String> {
        let names = ["newClientOrderId", "clientOrderId", "origClientOrderId"];
        names.iter().find_map(|name| self.value(name)).filter(|id| !id.is_empty())
    }

    /// Whether the signature fits the query and the body, joined without a separator and without
    /// the signature itself.
    fn is_signed_with(&self, key: &SigningKey) -> bool {
        let Some(signature) = self.value("signature") else {
            return false;
        };
        let query = self.head.uri.query().unwrap_or_default();
        let body = String::from_utf8_lossy(&self.body);
        key.fits((unsigned(query) + &unsigned(&body)).as_bytes(), &signature)
    }
}

fn form_value(form: &[u8], name: &str) -> Option<String> {
    form_urlencoded::parse(form).find(|(key, _)| key == name).map(|(_, value)| value.into())
}

/// `parameters` without their signature.
fn unsigned(parameters: &str) -> String {
    let kept: Vec<&str> =
        parameters.split('&').filter(|pair| !pair.starts_with("signature=")).collect();
    kept.join("&")
}

/// Waits. The runtime's timer counts in milliseconds, so what is shorter is waited for by giving
/// way to the other connections again and again.
async fn wait(time: Duration) {
    if time >= Duration::from_millis(5) {
        return tokio::time::sleep(time).await;
    }
    let start = Instant::now();
    while start.elapsed() < time {
        tokio::task::yield_now().await;
    }
}
