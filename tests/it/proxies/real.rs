//! Proxies that we did not write: tinyproxy (CONNECT) and microsocks (SOCKS 5).
//!
//! Skipped, with a loud line, where there is none; `make test` installs them where it can.

use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use mock_venue::{How, Options, Venue};
use venuepool::config::{Config, Drive};
use venuepool::driver::Pool;
use venuepool::error::{Outcome, Status};

use super::{PASSWORD, USER, config_for, config_through, nobody};
use crate::rig::{get, lose_connections, skipped, status, until, until_idle};

/// A running proxy.
struct Proxy {
    child: Child,
    folder: PathBuf,
    port: u16,
    scheme: &'static str,
}

impl Proxy {
    /// Both kinds, or fewer where there are fewer.
    fn all() -> Vec<Self> {
        [Self::tinyproxy(), Self::microsocks()].into_iter().flatten().collect()
    }

    fn tinyproxy() -> Option<Self> {
        let settings = |port: u16| {
            format!(
                "Port {port}\nListen 127.0.0.1\nTimeout 600\nMaxClients 50\nAllow 127.0.0.1\n\
                 BasicAuth {USER} {PASSWORD}\nLogLevel Critical\n"
            )
        };
        Self::start("tinyproxy", "http", |folder, port| {
            std::fs::write(folder.join("tinyproxy.conf"), settings(port)).unwrap();
            let conf = folder.join("tinyproxy.conf").display().to_string();
            vec!["-d".to_owned(), "-c".to_owned(), conf]
        })
    }

    fn microsocks() -> Option<Self> {
        Self::start("microsocks", "socks5", |_, port| {
            let port = port.to_string();
            let words = ["-i", "127.0.0.1", "-p", &port, "-u", USER, "-P", PASSWORD];
            words.map(str::to_owned).to_vec()
        })
    }

    /// Starts a program on a free port. It cannot pick one itself, and another process may take
    /// ours in between: then it ends, and another is tried.
    fn start(
        program: &'static str,
        scheme: &'static str,
        arguments: impl Fn(&PathBuf, u16) -> Vec<String>,
    ) -> Option<Self> {
        if Command::new(program).arg("-h").output().is_err() {
            skipped(&format!("{program} is not installed"));
            return None;
        }
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::SeqCst);
        let name = format!("venuepool-{program}-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let started = (0..20).find_map(|_| {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let mut command = Command::new(program);
            command.args(arguments(&folder, port)).stdout(Stdio::null()).stderr(Stdio::null());
            let mut child = command.spawn().unwrap();
            let is_up = until(|| match child.try_wait().unwrap() {
                Some(_) => Some(false),
                None => TcpStream::connect(("127.0.0.1", port)).is_ok().then_some(true),
            });
            is_up.then_some((child, port))
        });
        let (child, port) = started.expect("a free port");
        Some(Self { child, folder, port, scheme })
    }

    /// A configuration for the venue behind this proxy. microsocks dials the first address of a
    /// name only. So the venue has its name where that address is the one that it listens on.
    fn config(&self, venue: &Venue, connections: usize) -> Config {
        let proxies = [self.url(USER, PASSWORD)];
        let first = ("localhost", 0).to_socket_addrs().unwrap().next().unwrap();
        if first.ip() == venue.address().ip() {
            return config_through(&proxies, venue, connections);
        }
        let url = venue.url().replace("localhost", "127.0.0.1");
        config_for(&url, &proxies, venue, connections)
    }

    fn url(&self, user: &str, password: &str) -> String {
        format!("{}://{user}:{password}@127.0.0.1:{}", self.scheme, self.port)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn orders_go_through_real_proxies_in_both_drives_plain_and_over_tls() {
    for proxy in Proxy::all() {
        for options in [Options::plain(), Options::tls()] {
            let venue = Venue::start(options).unwrap();
            for drive in [Drive::Thread, Drive::Caller] {
                let mut config = proxy.config(&venue, 3);
                config.set_drive(drive);
                let pool = Pool::open(&config).unwrap();
                for _ in 0..20 {
                    let done = get(&pool, "/api/v3/time");
                    assert_eq!((done.outcome, status(&done)), (Outcome::Ok, 200));
                }
                pool.close().unwrap();
                until(|| (venue.stats().open == 0).then_some(()));
            }
        }
    }
}

#[test]
fn lost_connections_are_healed_through_real_proxies() {
    for proxy in Proxy::all() {
        let venue = Venue::start(Options::tls()).unwrap();
        let pool = Pool::open(&proxy.config(&venue, 2)).unwrap();
        for healed in [4, 6] {
            lose_connections(&venue, How::Fin, 2);
            until(|| (pool.stats().connected.get() >= healed).then_some(()));
            until_idle(&pool, 2);
            assert_eq!(status(&get(&pool, "/api/v3/time")), 200);
        }
        pool.close().unwrap();
    }
}

#[test]
fn real_proxies_refuse_with_a_name() {
    let venue = Venue::start(Options::plain()).unwrap();
    let (_bound, dead) = nobody();
    for proxy in Proxy::all() {
        let wrong = config_through(&[proxy.url(USER, "wrong-one")], &venue, 1);
        let without = config_through(&[proxy.url("", "").replace(":@", "")], &venue, 1);
        for config in [wrong, without] {
            let error = Pool::open(&config).err().unwrap();
            assert_eq!(error.step, Status::ERR_PROXY_AUTH, "{}", error.text);
            assert!(!error.text.contains(USER) && !error.text.contains("wrong-one"));
        }
        let mut config = proxy.config(&venue, 1);
        config.set_url(format!("http://localhost:{}", dead.port()).as_bytes()).unwrap();
        let error = Pool::open(&config).err().unwrap();
        assert_eq!(error.step, Status::ERR_PROXY, "{}", error.text);
        let reason = match proxy.scheme {
            "http" => "it refuses with status 50",
            _ => "SOCKS reply 5: connection refused",
        };
        assert!(error.text.contains(reason), "{}", error.text);
    }
}
