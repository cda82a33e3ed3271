//! The answers of the venue: bodies, and heads as large as those of a venue behind a CDN.

use crate::fault::Refusal;
use crate::ledger::{Usage, now_ms};
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER, SERVER};
use hyper::http::request::Parts;
use serde_json::{Map, Value, json};
use std::time::{Duration, SystemTime};

const JSON: &str = "application/json;charset=UTF-8";
const HTML: &str = "text/html";

/// Headers that are the same in every answer, but those with a short head.
const CONSTANT_HEADERS: [(&str, &str); 19] = [
    ("strict-transport-security", "max-age=31536000; includeSubdomains"),
    ("x-frame-options", "SAMEORIGIN"),
    ("x-xss-protection", "1; mode=block"),
    ("x-content-type-options", "nosniff"),
    ("content-security-policy", "default-src 'self'"),
    ("x-content-security-policy", "default-src 'self'"),
    ("x-webkit-csp", "default-src 'self'"),
    ("cache-control", "no-cache, no-store, must-revalidate"),
    ("pragma", "no-cache"),
    ("expires", "0"),
    ("access-control-allow-origin", "*"),
    ("access-control-allow-methods", "GET, HEAD, OPTIONS"),
    ("x-cache", "Miss from cloudfront"),
    ("via", "1.1 00112233445566778899aabbccddeeff.cloudfront.net (CloudFront)"),
    ("x-amz-cf-pop", "NRT57-P4"),
    ("x-amz-cf-id", "kq3WkVxq1n0mJ0b8m3l2Jm0rZ4bV8c7yqk9Tn5sUo2mE1pXhYg6wA=="),
    ("x-mbx-uuid", "7f4a2c1e-5b1d-4f6e-9c55-2f8a1b7c9d10"),
    ("x-mbx-region", "ap-northeast-1"),
    ("vary", "Accept-Encoding"),
];

/// An answer before it is framed.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
    content_type: &'static str,
    retry_after: Option<String>,
}

impl Reply {
    fn new(code: u16, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        // The grammar of faults and the routes let only valid codes pass.
        let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, body: body.into(), content_type, retry_after: None }
    }
}

/// Adds what every answer carries, and what `reply` adds to it. `is_short`: without those that are
/// always the same, so that the whole head has ten fields.
pub(crate) fn add_headers(headers: &mut HeaderMap, reply: &Reply, usage: Usage, is_short: bool) {
    headers.reserve(32);
    if !reply.body.is_empty() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    }
    headers.insert(SERVER, HeaderValue::from_static("nginx"));
    for (name, value) in CONSTANT_HEADERS.into_iter().filter(|_| !is_short) {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert("x-mbx-used-weight", HeaderValue::from(usage.weight_1m));
    headers.insert("x-mbx-used-weight-1m", HeaderValue::from(usage.weight_1m));
    headers.insert("x-mbx-order-count-10s", HeaderValue::from(usage.orders_10s));
    headers.insert("x-mbx-order-count-1d", HeaderValue::from(usage.orders_1d));
    let retry_after = reply.retry_after.as_deref().map(HeaderValue::from_str);
    if let Some(Ok(value)) = retry_after {
        headers.insert(RETRY_AFTER, value);
    }
}

/// An interim answer, which has a head only.
pub(crate) fn interim(code: u16) -> Vec<u8> {
    let status = StatusCode::from_u16(code).ok();
    let reason = status.and_then(|status| status.canonical_reason()).unwrap_or("Interim");
    let link = if code == 103 { "Link: </style.css>; rel=preload\r\n" } else { "" };
    format!("HTTP/1.1 {code} {reason}\r\n{link}\r\n").into_bytes()
}

pub(crate) fn json(body: impl Into<Bytes>) -> Reply {
    Reply::new(200, JSON, body)
}

pub(crate) fn raw(body: Bytes) -> Reply {
    Reply::new(200, "application/octet-stream", body)
}

/// A venue's own kind of error.
pub(crate) fn error(status: u16, code: i32, message: &str) -> Reply {
    Reply::new(status, JSON, json!({ "code": code, "msg": message }).to_string())
}

pub(crate) fn not_found(path: &str) -> Reply {
    error(404, -1000, &format!("There is no {path} here."))
}

/// The answer to the first request of a connection that is one too many.
pub(crate) fn too_many_connections() -> Reply {
    error(429, -1003, "Too many connections.")
}

/// The bare status that was asked for.
pub(crate) fn status(code: u16) -> Reply {
    let body = match code {
        204 | 304 => String::new(),
        _ => json!({ "status": code }).to_string(),
    };
    Reply::new(code, JSON, body)
}

/// What a fault puts in the place of an answer: JSON from the venue itself, or HTML as from the
/// proxies in front of it.
pub(crate) fn refusal(refusal: Refusal) -> Reply {
    let code = refusal.code;
    let mut reply = match code {
        429 => error(429, -1003, "Too much request weight used; please slow down."),
        418 => error(418, -1003, "Way too much request weight used; IP banned."),
        _ => {
            let status = StatusCode::from_u16(code).ok();
            let title = status.and_then(|status| status.canonical_reason()).unwrap_or("Error");
            let page = format!(
                "<html>\r\n<head><title>{code} {title}</title></head>\r\n<body>\r\n\
                 <center><h1>{code} {title}</h1></center>\r\n</body>\r\n</html>\r\n"
            );
            Reply::new(code, HTML, page)
        }
    };
    reply.retry_after = refusal.retry_after.map(|seconds| {
        let moment = SystemTime::now() + Duration::from_secs(seconds);
        if refusal.as_date { httpdate::fmt_http_date(moment) } else { seconds.to_string() }
    });
    reply
}

pub(crate) fn order_placed(
    order_id: u64,
    client_id: &str,
    symbol: &str,
    side: &str,
    price: &str,
    quantity: &str,
) -> Reply {
    let fill = |trade: u64| {
        json!({
            "price": price, "qty": "0.00250000", "commission": "0.00000250",
            "commissionAsset": "BNB", "tradeId": order_id * 4 + trade,
        })
    };
    let now = now_ms();
    let body = json!({
        "symbol": symbol, "orderId": order_id, "orderListId": -1, "clientOrderId": client_id,
        "transactTime": now, "price": price, "origQty": quantity, "executedQty": quantity,
        "origQuoteOrderQty": "0.00000000", "cummulativeQuoteQty": "650.00000000",
        "status": "FILLED", "timeInForce": "GTC", "type": "LIMIT", "side": side,
        "workingTime": now, "fills": [fill(0), fill(1), fill(2), fill(3)],
        "selfTradePreventionMode": "EXPIRE_MAKER", "usedSor": false, "workingFloor": "EXCHANGE",
    });
    json(body.to_string())
}

/// An order as it is queried (`FILLED`) or canceled.
pub(crate) fn order_state(order_id: u64, client_id: &str, symbol: &str, status: &str) -> Reply {
    let now = now_ms();
    let body = json!({
        "symbol": symbol, "orderId": order_id, "orderListId": -1, "clientOrderId": client_id,
        "origClientOrderId": client_id, "price": "65000.00", "origQty": "0.01000000",
        "executedQty": "0.01000000", "cummulativeQuoteQty": "650.00000000", "status": status,
        "timeInForce": "GTC", "type": "LIMIT", "side": "BUY", "stopPrice": "0.00000000",
        "icebergQty": "0.00000000", "time": now, "updateTime": now, "isWorking": true,
        "selfTradePreventionMode": "NONE",
    });
    json(body.to_string())
}

pub(crate) fn account() -> Reply {
    let balance = |asset: &str| json!({ "asset": asset, "free": "1000.0", "locked": "0.0" });
    let body = json!({
        "makerCommission": 10, "takerCommission": 10, "canTrade": true, "canWithdraw": true,
        "canDeposit": true, "accountType": "SPOT", "updateTime": now_ms(),
        "balances": [balance("BTC"), balance("ETH"), balance("USDT"), balance("BNB")],
        "permissions": ["SPOT"],
    });
    json(body.to_string())
}

/// Valid JSON of exactly `size` bytes, or of as few as it takes to say nothing.
pub(crate) fn exchange_info(size: usize) -> Bytes {
    const END: &str = "]}";
    let mut body = String::with_capacity(size);
    body.push_str("{\"timezone\":\"UTC\",\"symbols\":[");
    for number in 0.. {
        let comma = if number == 0 { "" } else { "," };
        let symbol = format!(
            "{comma}{{\"symbol\":\"COIN{number}USDT\",\"status\":\"TRADING\",\
             \"baseAsset\":\"COIN{number}\",\"baseAssetPrecision\":8,\"quoteAsset\":\"USDT\",\
             \"quotePrecision\":8,\"orderTypes\":[\"LIMIT\",\"MARKET\"]}}"
        );
        if body.len() + symbol.len() + END.len() > size {
            break;
        }
        body.push_str(&symbol);
    }
    let padding = size.saturating_sub(body.len() + END.len());
    body.extend(std::iter::repeat_n(' ', padding));
    body.push_str(END);
    body.into()
}

/// The request as the venue has seen it.
pub(crate) fn echo(head: &Parts, body: &Bytes) -> Reply {
    let mut headers = Map::new();
    for (name, value) in &head.headers {
        let text = String::from_utf8_lossy(value.as_bytes());
        headers.insert(name.to_string(), Value::from(text));
    }
    let answer = json!({
        "method": head.method.as_str(), "target": head.uri.to_string(), "headers": headers,
        "bodyLength": body.len(), "body": String::from_utf8_lossy(body),
    });
    json(answer.to_string())
}
