//! nginx in front of the venue, as many venues have it: it passes the upgrade on, and then bytes.
//!
//! Skipped, with a loud line, where there is no nginx; `make test` installs it where it can.

use venuepool::config::Config;
use venuepool::error::{Outcome, Status, WireState};
use venuepool::session::Session;
use venuepool::session::event::WsLoss;

use crate::desk::{Desk, SECOND, settings};
use crate::nginx_server::NginxServer;
use crate::peer::{Server, exchange};
use crate::program::skipped;

/// The venue of a session; what has no upgrade is refused by nginx itself. A session that is silent
/// for two seconds is ended by it.
fn in_front_of(venue: &Server, is_tls: bool) -> Option<NginxServer> {
    let backend = venue.address;
    let tls = if is_tls { "ssl" } else { "" };
    let http = |_: &_, port| {
        format!(
            "server {{
               listen 127.0.0.1:{port} {tls}; server_name localhost;
               ssl_certificate server.pem; ssl_certificate_key server.key;
               location /ws {{
                 proxy_pass http://{backend}; proxy_http_version 1.1;
                 proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;
                 proxy_read_timeout 2s;
               }}
               location /closed {{ return 503 'maintenance'; }}
             }}"
        )
    };
    let nginx = NginxServer::start(|_| {}, http);
    if nginx.is_none() {
        skipped("nginx is not installed");
    }
    nginx
}

fn config(nginx: &NginxServer, is_tls: bool) -> Config {
    let mut config = Config::default();
    let scheme = if is_tls { "https" } else { "http" };
    config.set_url(format!("{scheme}://localhost:{}", nginx.port).as_bytes()).unwrap();
    config.set_addresses(b"127.0.0.1").unwrap();
    config.set_ca_pem(nginx.certificates.ca_pem().as_bytes()).unwrap();
    config.set_backoff_ns(1_000_000, 5_000_000).unwrap();
    config
}

#[test]
fn a_session_trades_through_nginx_and_heals_when_the_venue_behind_it_goes() {
    for is_tls in [false, true] {
        let venue = Server::start(false, |number, peer| match number {
            0 => {
                while peer.read().unwrap().to_text().unwrap() != "id:100" {
                    peer.send("id:1 ok".into()).unwrap();
                }
            }
            _ => exchange(peer),
        });
        let Some(nginx) = in_front_of(&venue, is_tls) else { return };
        let mut desk =
            Desk::of(Session::open(&config(&nginx, is_tls), &settings(), b"/ws").unwrap());
        desk.up();
        let id = desk.call(1);
        assert_eq!(desk.completion().0.call.id, id);
        // The venue ends, and nginx ends what is in front of it: the call was sent, no more.
        let id = desk.call(100);
        assert!(matches!(desk.lost().loss, WsLoss::Ended | WsLoss::Reset));
        let (outcome, wire_state) = desk.fails(id);
        assert_eq!(wire_state, WireState::Sent);
        assert!(matches!(outcome, Outcome::ConnectionReset | Outcome::ConnectionClosed));
        desk.up();
        let long = "x".repeat(60_000);
        desk.send(&long);
        assert_eq!(desk.message(), long);
        assert_eq!(desk.close().unwrap().loss, WsLoss::Closed);
        assert_eq!(venue.accepted(), 2);
    }
}

/// `proxy_read_timeout` is why sessions behind nginx need pings: they keep both sides from idling.
#[test]
fn pings_keep_a_session_that_nginx_ends_when_it_is_silent() {
    let venue = Server::start(false, |_, peer| exchange(peer));
    let Some(nginx) = in_front_of(&venue, false) else { return };
    let config = config(&nginx, false);
    let mut silent = Desk::of(Session::open(&config, &settings(), b"/ws").unwrap());
    silent.up();
    let mut settings = settings();
    settings.set_keep_alive(SECOND / 10, 10 * SECOND, 0).unwrap();
    let mut pings = Desk::of(Session::open(&config, &settings, b"/ws").unwrap());
    pings.up();
    assert!(matches!(silent.lost().loss, WsLoss::Ended | WsLoss::Reset));
    let id = pings.call(1);
    assert_eq!(pings.completion().0.call.id, id);
    assert_eq!(pings.session.health().connections, 1, "its first connection still lives");
    pings.close();
    silent.up();
    silent.close();
}

#[test]
fn a_refusal_by_nginx_itself_is_told_with_its_status_and_body() {
    let venue = Server::start(false, |_, peer| exchange(peer));
    let Some(nginx) = in_front_of(&venue, true) else { return };
    let refused = Session::open(&config(&nginx, true), &settings(), b"/closed").err().unwrap();
    assert_eq!(refused.step, Status::ERR_UPGRADE);
    assert_eq!(refused.text, "upgrade: answered 503: maintenance");
    assert_eq!(venue.accepted(), 0);
}
