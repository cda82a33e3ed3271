//! What is in the way of new connections: refusals, names and addresses, the host's own limits.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use mock_venue::{How, Options, Transport, Venue};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use venuepool::config::Config;
use venuepool::driver::Pool;
use venuepool::error::{CloseReason, Outcome, Status, WireState};

use crate::case::{ANSWERED, Case, Heals, MS, case};
use crate::far::Far;
use crate::process::NoDescriptors;
use crate::resets::lose_idle;
use crate::rig::skipped;

/// What becomes of an order that waits in the queue for a connection in vain.
const NOT_SENT: (Outcome, WireState) = (Outcome::Timeout, WireState::NotSent);

#[test]
fn a_venue_that_refuses_connections_is_dialled_until_it_is_back() {
    case("refused")
        .fault(|scene| scene.far.first().stop(How::Rst).unwrap())
        .deadline(30 * MS)
        .expect(&[NOT_SENT])
        .closes(2, CloseReason::IdleReset)
        .dials_fail_at(1)
        .until(|scene| scene.far.first().restart().unwrap())
        .run(Heals::OneStep);
}

#[test]
fn a_venue_that_restarts_costs_no_queued_order() {
    for (name, how) in [("restart, RST", How::Rst), ("restart, FIN", How::Fin)] {
        case(name)
            .fault(move |scene| {
                scene.far.await_connections(scene.connections);
                scene.far.first().stop(how).unwrap();
                scene.far.first().restart().unwrap();
            })
            .expect(&[ANSWERED])
            .run(Heals::OneStep);
    }
}

/// Two venues with one port and an address each.
fn two_venues(transport: Transport) -> Far {
    for _ in 0..20 {
        let at = |last, port| {
            let listen = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), port);
            Venue::start(Options { listen, transport, ..Options::plain() })
        };
        let first = at(2, 0).unwrap();
        // Taken by somebody else, now and then.
        let Ok(second) = at(3, first.address().port()) else { continue };
        let ca_pem = format!("{}{}", first.ca_pem(), second.ca_pem());
        let mut far = Far::of(first);
        far.venues.push(second);
        return Far { ca_pem, ..far };
    }
    panic!("no port is free at both addresses");
}

fn pinned(config: &mut Config) {
    config.set_addresses(b"127.0.0.2, 127.0.0.3").unwrap();
}

#[test]
fn all_addresses_dead_and_back_are_dialled_again() {
    case("all addresses dead")
        .against(|transport| Some(two_venues(transport)))
        .with(pinned)
        .fault(|scene| scene.far.venues.iter().for_each(|venue| venue.stop(How::Rst).unwrap()))
        .deadline(30 * MS)
        .expect(&[NOT_SENT])
        .dials_fail_at(1)
        .until(|scene| scene.far.venues.iter().for_each(|venue| venue.restart().unwrap()))
        .run(Heals::OneStep);
}

#[test]
fn a_dead_address_is_left_for_the_next_one() {
    let dead = AtomicUsize::new(0);
    let revived = Arc::new(Mutex::new(0));
    let last = Arc::clone(&revived);
    case("one address dead")
        .against(|transport| Some(two_venues(transport)))
        .with(pinned)
        .fault(move |scene| {
            let now = dead.fetch_add(1, Ordering::SeqCst) % 2;
            *last.lock().unwrap() = now;
            scene.far.venues[now].stop(How::Rst).unwrap();
        })
        .orders(2)
        .expect(&[ANSWERED])
        .until(move |scene| scene.far.venues[*revived.lock().unwrap()].restart().unwrap())
        .run(Heals::AtOnce);
}

/// The hosts file of a mount namespace of its own, in which the name of the venue stands; nothing
/// else is asked for names there.
struct Hosts {
    hosts: PathBuf,
    switch: PathBuf,
}

impl Hosts {
    const NAME: &str = "venue.test";

    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::SeqCst);
        let file = |name: &str| {
            let name = format!("venuepool-{name}-{}-{number}", std::process::id());
            std::env::temp_dir().join(name)
        };
        let hosts = Self { hosts: file("hosts"), switch: file("nsswitch") };
        std::fs::write(&hosts.switch, "hosts: files\n").unwrap();
        hosts.say("127.0.0.2");
        hosts
    }

    /// The name has this address from now on; an empty one: none.
    fn say(&self, address: &str) {
        let line =
            if address.is_empty() { String::new() } else { format!("{address} {}\n", Self::NAME) };
        std::fs::write(&self.hosts, line).unwrap();
    }

    /// Lets the calling thread see this file. Threads that it starts see it, too. Fails without
    /// root's rights, and in a chroot, where nothing can be mounted for one thread alone.
    fn enter(&self) -> nix::Result<()> {
        let none = None::<&str>;
        unshare(CloneFlags::CLONE_NEWNS)?;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
        mount(Some(&self.hosts), "/etc/hosts", none, MsFlags::MS_BIND, none)?;
        mount(Some(&self.switch), "/etc/nsswitch.conf", none, MsFlags::MS_BIND, none)
    }

    /// Opens a pool on a thread that sees this file.
    fn open(&self, config: &Config) -> Arc<Pool> {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                self.enter().unwrap();
                Pool::open(config).unwrap()
            });
            thread.join().unwrap()
        })
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.hosts);
        let _ = std::fs::remove_file(&self.switch);
    }
}

/// A case whose venue has a name that only this process knows. `None` without the right to that.
fn named(name: &'static str) -> Option<(Case, Arc<Hosts>)> {
    let hosts = Arc::new(Hosts::new());
    let trial = Arc::clone(&hosts);
    if let Err(error) = std::thread::spawn(move || trial.enter()).join().unwrap() {
        skipped(&format!("no hosts file of its own can be mounted: {error}"));
        return None;
    }
    let theirs = Arc::clone(&hosts);
    let case = case(name).against(move |transport| {
        theirs.say("127.0.0.2");
        let mut far = two_venues(transport);
        let port = far.first().address().port();
        let scheme = far.url.split(':').next().unwrap();
        far.url = format!("{scheme}://{}:{port}", Hosts::NAME);
        let hosts = Arc::clone(&theirs);
        far.opener = Some(Box::new(move |config| hosts.open(config)));
        Some(far)
    });
    Some((case, hosts))
}

#[test]
fn a_name_with_a_new_address_is_followed_on_the_next_dial() {
    let Some((case, hosts)) = named("address change in DNS") else { return };
    let is_at = Arc::new(Mutex::new(0));
    let old = Arc::clone(&is_at);
    case.fault(move |scene| {
        scene.far.await_connections(scene.connections);
        let open = [0, 1].map(|venue: usize| scene.far.venues[venue].stats().open as usize);
        let from = usize::from(open[0] == 0);
        assert_eq!(open[from], scene.connections, "all are where the name says: {open:?}");
        *old.lock().unwrap() = from;
        hosts.say(["127.0.0.3", "127.0.0.2"][from]);
        scene.far.venues[from].stop(How::Rst).unwrap();
    })
    .expect(&[ANSWERED])
    .closes(2, CloseReason::IdleReset)
    .until(move |scene| scene.far.venues[*is_at.lock().unwrap()].restart().unwrap())
    .run(Heals::AtOnce);
}

#[test]
fn a_name_that_is_gone_has_its_last_address() {
    let Some((case, hosts)) = named("name gone from DNS") else { return };
    let back = Arc::clone(&hosts);
    case.fault(move |scene| {
        hosts.say("");
        lose_idle(How::Rst)(scene);
    })
    .expect(&[ANSWERED])
    .closes(2, CloseReason::IdleReset)
    .until(move |scene| {
        assert!(scene.pool.stale_answers() > 0);
        back.say("127.0.0.2");
    })
    .run(Heals::AtOnce);
}

#[test]
fn without_descriptors_dials_fail_and_go_on_when_there_are_some() {
    let none_left: Arc<Mutex<Option<NoDescriptors>>> = Arc::default();
    let some_left = Arc::clone(&none_left);
    case("EMFILE")
        .fault(move |scene| {
            *none_left.lock().unwrap() = Some(NoDescriptors::left());
            lose_idle(How::Rst)(scene);
        })
        .deadline(30 * MS)
        .expect(&[NOT_SENT])
        .closes(2, CloseReason::IdleReset)
        .dials_fail_at(3)
        .until(move |scene| {
            let error = scene.pool.last_dial_error().unwrap();
            assert_eq!((error.step, error.os_error), (Status::ERR_SYSTEM, libc::EMFILE));
            *some_left.lock().unwrap() = None;
        })
        .run(Heals::OneStep);
}
