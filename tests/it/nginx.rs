//! A server that we did not write: nginx, with the limits that venues run it with.
//!
//! Skipped, with a loud line, where there is no nginx; `make test` installs it where it can.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{CloseReason, Outcome};

use crate::nginx_server::NginxServer;
use crate::rig::{body, config, get, order, request, skipped, status, until, until_idle};

const BIG: usize = 3_000_000;

struct Nginx(NginxServer);

impl Nginx {
    fn start() -> Option<Self> {
        let started = NginxServer::start(write_pages, configuration);
        if started.is_none() {
            skipped("nginx is not installed");
        }
        started.map(Self)
    }

    fn pool(&self, connections: usize) -> Arc<Pool> {
        let mut config = config(&format!("https://localhost:{}", self.0.port), connections);
        config.set_ca_pem(self.0.certificates.ca_pem().as_bytes()).unwrap();
        config.set_addresses(b"127.0.0.1").unwrap();
        config.set_request_capacity(4 << 20).unwrap();
        Pool::open(&config).unwrap()
    }
}

fn write_pages(folder: &Path) {
    let pages = folder.join("html");
    fs::create_dir(&pages).unwrap();
    fs::write(pages.join("big.txt"), vec![b'x'; BIG]).unwrap();
    fs::write(pages.join("page.shtml"), "before <!--#echo var=\"none\" --> after").unwrap();
}

/// The Unix sockets that nginx listens on: with TLS, and without.
const SOCKETS: [&str; 2] = ["tls.sock", "plain.sock"];

fn configuration(folder: &Path, port: u16) -> String {
    // What an earlier try has left.
    SOCKETS.iter().for_each(|name| drop(fs::remove_file(folder.join(name))));
    let [tls, plain] = SOCKETS.map(|name| folder.join(name).display().to_string());
    format!(
        "types {{ text/plain txt; text/html shtml; }}
         keepalive_requests 10; keepalive_timeout 1s; client_max_body_size 100k;
         server {{
           listen 127.0.0.1:{port} ssl; listen unix:{tls} ssl; listen unix:{plain};
           server_name localhost; root html;
           ssl_certificate server.pem; ssl_certificate_key server.key;
           location /api/ {{ default_type application/json; return 200 '{{\"answer\":true}}'; }}
           location /nothing {{ return 204; }}
           location = /page.shtml {{ ssi on; }}
         }}"
    )
}

#[test]
fn nginx_ends_connections_after_ten_requests_and_no_order_pays_for_it() {
    let Some(nginx) = Nginx::start() else { return };
    let pool = nginx.pool(2);
    let mut request = request(&pool);
    for number in 0..100 {
        order(&mut request, &number.to_string());
        let done = pool.execute(&mut request, WhenBusy::Queue).unwrap();
        assert_eq!((done.outcome, status(&done)), (Outcome::Ok, 200), "order {number}");
        assert_eq!(body(&done), r#"{"answer":true}"#);
    }
    // The last of a hundred may still be on its way to be counted.
    until(|| (pool.stats().closed[CloseReason::ResponseClose as usize].get() >= 9).then_some(()));
    assert_eq!(pool.stats().failed.get(), 0);
    pool.close().unwrap();
}

#[test]
fn nginx_ends_idle_connections_and_they_are_healed_before_the_order() {
    let Some(nginx) = Nginx::start() else { return };
    let pool = nginx.pool(1);
    assert_eq!(status(&get(&pool, "/api/time")), 200);
    until(|| (pool.stats().closed[CloseReason::IdleClosed as usize].get() >= 1).then_some(()));
    until_idle(&pool, 1);
    let done = get(&pool, "/api/order");
    assert_eq!((done.outcome, status(&done)), (Outcome::Ok, 200));
    pool.close().unwrap();
}

#[test]
fn nginx_serves_over_unix_sockets() {
    let Some(nginx) = Nginx::start() else { return };
    for (url, socket) in ["https://localhost", "http://localhost"].into_iter().zip(SOCKETS) {
        let mut config = config(url, 2);
        config.set_ca_pem(nginx.0.certificates.ca_pem().as_bytes()).unwrap();
        let path = nginx.0.folder.join(socket);
        config.set_unix_socket(path.as_os_str().as_encoded_bytes()).unwrap();
        let pool = Pool::open(&config).unwrap();
        let mut request = request(&pool);
        for number in 0..25 {
            order(&mut request, &number.to_string());
            let done = pool.execute(&mut request, WhenBusy::Queue).unwrap();
            assert_eq!((done.outcome, status(&done)), (Outcome::Ok, 200), "order {number}");
            assert_eq!(body(&done), r#"{"answer":true}"#);
        }
        assert_eq!(get(&pool, "/big.txt").outcome, Outcome::Ok);
        pool.close().unwrap();
    }
}

#[test]
fn nginx_serves_large_chunked_bodyless_and_conditional_responses() {
    let Some(nginx) = Nginx::start() else { return };
    let pool = nginx.pool(1);
    assert_eq!(body(&get(&pool, "/big.txt")).len(), BIG);
    let page = get(&pool, "/page.shtml");
    let chunked = &page.response.as_ref().unwrap().response;
    assert_eq!(chunked.find(b"transfer-encoding"), Some(&b"chunked"[..]));
    assert_eq!(body(&page), "before (none) after");
    assert_eq!(status(&get(&pool, "/nothing")), 204);
    assert_eq!(status(&get(&pool, "/missing")), 404);
    let mut request = request(&pool);
    request.begin(b"HEAD", b"/big.txt").unwrap();
    let head = pool.execute(&mut request, WhenBusy::Queue).unwrap();
    let etag = head.response.as_ref().unwrap().response.find(b"ETag").unwrap().to_vec();
    assert!(body(&head).is_empty());
    request.begin(b"GET", b"/big.txt").unwrap();
    request.header(b"If-None-Match", &etag).unwrap();
    let unchanged = pool.execute(&mut request, WhenBusy::Queue).unwrap();
    assert_eq!((status(&unchanged), body(&unchanged).len()), (304, 0));
    assert_eq!(pool.stats().failed.get(), 0);
    pool.close().unwrap();
}

#[test]
fn nginx_refuses_a_large_body_early_and_the_refusal_arrives() {
    let Some(nginx) = Nginx::start() else { return };
    let pool = nginx.pool(1);
    let mut request = request(&pool);
    request.begin(b"POST", b"/api/upload").unwrap();
    request.body(&vec![b'x'; BIG]).unwrap();
    let done = pool.execute(&mut request, WhenBusy::Queue).unwrap();
    assert_eq!((done.outcome, status(&done)), (Outcome::Ok, 413));
    until_idle(&pool, 1);
    assert_eq!(status(&get(&pool, "/api/time")), 200);
    pool.close().unwrap();
}
