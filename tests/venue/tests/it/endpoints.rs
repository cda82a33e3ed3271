//! What a healthy venue answers.

use crate::client::Client;
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use mock_venue::{Options, SigningKey, Venue};
use sha2::Sha256;
use std::fmt::Write;

fn start() -> (Venue, Client) {
    let venue = Venue::start(Options::plain()).unwrap();
    let client = Client::connect(venue.address());
    (venue, client)
}

#[test]
fn an_order_is_answered_like_a_venue_does() {
    let (_venue, mut client) = start();
    let answer = client
        .request(
            "POST",
            "/api/v3/order",
            "X-Request-Id: 77\r\n",
            "symbol=ETHUSDT&side=SELL&newClientOrderId=a%3Ab",
        )
        .unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("x-request-id"), Some("77"));
    assert_eq!(answer.header("x-request-body-length"), Some("47"));
    let order = answer.json();
    assert_eq!(order["clientOrderId"], "a:b");
    assert_eq!(order["symbol"], "ETHUSDT");
    assert_eq!(order["side"], "SELL");
    assert!((800..1_300).contains(&answer.body.len()), "{} bytes", answer.body.len());
    assert!((800..1_400).contains(&answer.head.len()), "{} bytes", answer.head.len());
    assert!(answer.head.lines().count() > 25);
}

#[test]
fn an_order_id_is_found_in_query_form_and_json() {
    let (venue, mut client) = start();
    client.order("q").unwrap();
    client.request("POST", "/api/v3/order", "", "newClientOrderId=f").unwrap();
    client.request("POST", "/api/v3/order", "", r#"{"newClientOrderId":"j"}"#).unwrap();
    client.request("POST", "/api/v3/order", "", r#"{"clientOrderId":"k"}"#).unwrap();
    for id in ["q", "f", "j", "k"] {
        assert_eq!(venue.orders_with_id(id), 1, "{id}");
    }
    let missing = client.request("POST", "/api/v3/order", "", "symbol=BTCUSDT").unwrap();
    assert_eq!((missing.status, &missing.json()["code"]), (400, &(-1102).into()));
}

#[test]
fn duplicates_are_counted() {
    let (venue, mut client) = start();
    let first = client.order("a").unwrap().json()["orderId"].as_u64().unwrap();
    let second = client.order("b").unwrap().json()["orderId"].as_u64().unwrap();
    assert!(second > first);
    client.order("a").unwrap();
    let stats = venue.stats();
    assert_eq!((stats.orders, stats.distinct_orders, stats.duplicates), (3, 2, 1));
    assert_eq!((stats.requests, stats.max_requests_on_connection), (3, 3));
    assert_eq!((stats.connections, stats.open), (1, 1));
    assert_eq!((venue.orders_with_id("a"), venue.orders_with_id("c")), (2, 0));
}

#[test]
fn orders_can_be_queried_and_canceled() {
    let (venue, mut client) = start();
    client.order("a").unwrap();
    let target = "/api/v3/order?origClientOrderId=";
    let queried = client.get(&format!("{target}a")).unwrap().json();
    assert_eq!(queried["status"], "FILLED");
    let canceled = client.request("DELETE", &format!("{target}a"), "", "").unwrap().json();
    assert_eq!(canceled["status"], "CANCELED");
    assert_eq!(canceled["orderId"], queried["orderId"]);
    assert_eq!(client.get(&format!("{target}x")).unwrap().json()["code"], -2013);
    let unknown = client.request("DELETE", &format!("{target}x"), "", "").unwrap();
    assert_eq!((unknown.status, &unknown.json()["code"]), (400, &(-2011).into()));
    assert_eq!(client.request("PUT", &format!("{target}a"), "", "").unwrap().status, 405);
    assert_eq!(venue.stats().orders, 1);
}

#[test]
fn the_small_endpoints_answer() {
    let (_venue, mut client) = start();
    assert_eq!(client.get("/api/v3/ping").unwrap().body, b"{}");
    assert!(client.get("/api/v3/time").unwrap().json()["serverTime"].as_u64() > Some(1 << 40));
    assert!(client.get("/api/v3/account").unwrap().json()["balances"].is_array());
    let head = client.request("HEAD", "/api/v3/ping", "", "").unwrap();
    assert_eq!((head.status, head.header("content-length")), (200, Some("2")));
    assert_eq!(client.get("/elsewhere").unwrap().status, 404);
    assert_eq!(client.request("POST", "/api/v3/ping", "", "").unwrap().status, 404);
}

#[test]
fn a_status_can_be_asked_for() {
    let (_venue, mut client) = start();
    for code in [200, 201, 204, 304, 404, 418, 429, 500, 503, 599] {
        let answer = client.get(&format!("/status/{code}")).unwrap();
        assert_eq!(answer.status, code);
        assert_eq!(answer.body.is_empty(), code == 204 || code == 304, "{code}");
    }
    assert_eq!(client.get("/status/100").unwrap().status, 404);
    assert_eq!(client.get("/status/x").unwrap().status, 404);
}

#[test]
fn echo_shows_the_request() {
    let (_venue, mut client) = start();
    let echo = client.request("POST", "/echo?a=1", "X-Odd: yes\r\n", "four").unwrap().json();
    assert_eq!(echo["method"], "POST");
    assert_eq!(echo["target"], "/echo?a=1");
    assert_eq!(echo["headers"]["x-odd"], "yes");
    assert_eq!((&echo["body"], &echo["bodyLength"]), (&"four".into(), &4.into()));
    assert_eq!(client.request("POST", "/echo?raw=1", "", "as is").unwrap().body, b"as is");
}

#[test]
fn exchange_info_is_as_large_as_wanted() {
    let (_venue, mut client) = start();
    for size in [40, 1_000, 100_001] {
        let info = client.get(&format!("/api/v3/exchangeInfo?bytes={size}")).unwrap();
        assert_eq!(info.body.len(), size);
        assert!(info.json()["symbols"].is_array());
    }
    assert_eq!(client.get("/api/v3/exchangeInfo").unwrap().body.len(), 4 << 20);
}

#[test]
fn answers_are_chunked_on_request() {
    let (_venue, mut client) = start();
    let answer = client.get("/api/v3/exchangeInfo?bytes=1000&chunked=1").unwrap();
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    assert_eq!(answer.header("content-length"), None);
    assert_eq!(answer.body.len(), 1_000);
    let venue = Venue::start(Options { chunked: true, ..Options::plain() }).unwrap();
    let answer = Client::connect(venue.address()).order("a").unwrap();
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    assert_eq!(answer.json()["clientOrderId"], "a");
}

#[test]
fn a_short_head_has_ten_fields() {
    let (_venue, mut client) = start();
    let mut fields = |target| {
        let answer = client.request("GET", target, "X-Request-Id: 1\r\n", "").unwrap();
        answer.head.lines().filter(|line| line.contains(':')).count()
    };
    assert_eq!(fields("/api/v3/time/short"), 10);
    assert!(fields("/api/v3/time") > 25);
}

#[test]
fn rate_limits_count_up() {
    let (_venue, mut client) = start();
    let count = |answer: &crate::client::Answer, name: &str| -> u64 {
        answer.header(name).unwrap().parse().unwrap()
    };
    // A minute may end in between, and the counts start again, but not twice.
    let grew = (0..2).any(|_| {
        let (first, second) = (client.order("a").unwrap(), client.order("b").unwrap());
        ["x-mbx-used-weight-1m", "x-mbx-order-count-10s", "x-mbx-order-count-1d"]
            .iter()
            .all(|name| count(&second, name) == count(&first, name) + 1)
    });
    assert!(grew);
}

/// The key pair of RFC 8032 section 7.1, test 1.
#[test]
fn signatures_by_ed25519_are_checked() {
    let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    let seed: Vec<u8> =
        (0..32).map(|i| u8::from_str_radix(&seed[2 * i..2 * i + 2], 16).unwrap()).collect();
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
    let signing_key = Some(SigningKey::ed25519_from_hex(public).unwrap());
    let venue = Venue::start(Options { signing_key, ..Options::plain() }).unwrap();
    let mut client = Client::connect(venue.address());
    let mut post = |query: &str, signature: &[u8]| {
        let signature = BASE64_STANDARD.encode(signature).replace('+', "%2B").replace('=', "%3D");
        let path = format!("/api/v3/order?{query}&signature={signature}");
        client.request("POST", &path, "X-MBX-APIKEY: k\r\n", "").unwrap().status
    };
    let query = "symbol=A&newClientOrderId=1";
    let signature = pair.sign(query.as_bytes());
    assert_eq!(post(query, signature.as_ref()), 200);
    assert_eq!(post(&format!("{query}0"), signature.as_ref()), 401);
    assert_eq!(post(query, &signature.as_ref()[1..]), 401);
    assert!(SigningKey::ed25519_from_hex("d75a").is_err());
    assert!(SigningKey::ed25519_from_hex(&"x".repeat(64)).is_err());
    assert_eq!(venue.stats().orders, 1);
}

#[test]
fn signatures_are_checked() {
    let signing_key = Some(SigningKey::HmacSecret("key".to_owned()));
    let venue = Venue::start(Options { signing_key, ..Options::plain() }).unwrap();
    let mut client = Client::connect(venue.address());
    let sign = |text: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(b"key").unwrap();
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        })
    };
    let key = "X-MBX-APIKEY: k\r\n";
    let mut post = |query: &str, headers: &str, body: &str| {
        let answer =
            client.request("POST", &format!("/api/v3/order?{query}"), headers, body).unwrap();
        (answer.status, answer.json()["code"].as_i64())
    };
    let (query, body) = ("symbol=A&newClientOrderId=1", "price=2&quantity=3");
    let signature = sign(&format!("{query}{body}"));
    assert_eq!(post(query, key, &format!("{body}&signature={signature}")), (200, None));
    let signature = sign(query);
    assert_eq!(post(&format!("{query}&signature={signature}"), key, ""), (200, None));
    assert_eq!(post(&format!("{query}&signature={signature}"), "", ""), (401, Some(-2014)));
    assert_eq!(post(&format!("{query}&signature={signature}"), key, body), (401, Some(-1022)));
    assert_eq!(post(query, key, body), (401, Some(-1022)));
    assert_eq!(venue.stats().orders, 2);
}
