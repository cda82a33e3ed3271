//! Two hosts and a cable between them, as network namespaces, and a way to break the cable. It
//! knows no pool and no venue.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::sched::{CloneFlags, setns};

use crate::rig::{skipped, until};

/// Both ends of the cable; only these two hosts can reach them.
pub(crate) const ENGINE: &str = "10.213.77.1";
pub(crate) const VENUE: Ipv4Addr = Ipv4Addr::new(10, 213, 77, 2);

/// Two hosts and a cable. They are gone when this is dropped.
pub(crate) struct Net {
    pub(crate) engine: String,
    pub(crate) venue: String,
}

pub(crate) fn ip(arguments: &str) -> bool {
    let run = Command::new("ip").args(arguments.split_whitespace()).output();
    run.is_ok_and(|output| output.status.success())
}

impl Net {
    /// `None` when this process may not make any.
    pub(crate) fn lay() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::SeqCst);
        let name = format!("vp{}-{number}", std::process::id());
        let net = Self { engine: format!("{name}-engine"), venue: format!("{name}-venue") };
        let (engine, venue) = (&net.engine, &net.venue);
        if !ip(&format!("netns add {engine}")) || !ip(&format!("netns add {venue}")) {
            skipped("no network namespace can be made by `ip netns add`");
            return None;
        }
        let cable = format!("-n {engine} link add cable type veth peer name cable netns {venue}");
        assert!(ip(&cable));
        for (host, address) in [(engine, ENGINE), (venue, &VENUE.to_string())] {
            assert!(ip(&format!("-n {host} address add {address}/30 dev cable")));
            assert!(ip(&format!("-n {host} link set cable up")));
            assert!(ip(&format!("-n {host} link set lo up")));
        }
        // A cable that was just laid swallows the first packets.
        let listener = on(venue, || TcpListener::bind((VENUE, 0)).unwrap());
        let address = listener.local_addr().unwrap();
        let wait = Duration::from_millis(100);
        on(engine, || until(|| TcpStream::connect_timeout(&address, wait).ok()));
        Some(net)
    }

    /// The network swallows what the engine sends, and tells nobody: it goes to a card that is not
    /// there. (A cable that is pulled would not do: its packets are kept until it is back.)
    pub(crate) fn cut(&self) {
        let nobody = "lladdr 02:00:00:00:00:99 dev cable nud permanent";
        assert!(ip(&format!("-n {} neighbour replace {VENUE} {nobody}", self.engine)));
    }

    pub(crate) fn mend(&self) {
        assert!(ip(&format!("-n {} neighbour del {VENUE} dev cable", self.engine)));
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        ip(&format!("netns del {}", self.engine));
        ip(&format!("netns del {}", self.venue));
    }
}

/// Runs on a thread of that host. Threads that it starts are of that host, too.
pub(crate) fn on<T: Send>(host: &str, run: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let namespace = std::fs::File::open(format!("/run/netns/{host}")).unwrap();
            setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
            run()
        });
        thread.join().unwrap()
    })
}
