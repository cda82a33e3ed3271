//! Two hosts and a road between them, on which packets to one address take longer than to another.
//! It knows no pool and no venue.
//!
//! Each host is a network namespace with a tun device. What the engine sends is held for the time
//! of its destination, and what the venue sends goes on at once. That needs no queueing discipline.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, LazyLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, poll};

use crate::cable::{ip, on};
use crate::rig::skipped;

/// The two addresses of the venue.
pub(crate) const EDGES: [Ipv4Addr; 2] =
    [Ipv4Addr::new(10, 213, 78, 2), Ipv4Addr::new(10, 213, 78, 3)];

/// A packet, and when it is there.
type Packet = (Instant, Vec<u8>);

/// Two hosts and a road. They are gone when this is dropped.
pub(crate) struct Road {
    pub(crate) engine: String,
    pub(crate) venue: String,
    delays_us: Arc<[AtomicU64; 2]>,
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Road {
    /// `None` when this process may not make any.
    pub(crate) fn lay() -> Option<Self> {
        static NAME: LazyLock<String> = LazyLock::new(|| format!("vpr{}", std::process::id()));
        let (engine, venue) = (format!("{}-engine", *NAME), format!("{}-venue", *NAME));
        if !ip(&format!("netns add {engine}")) || !ip(&format!("netns add {venue}")) {
            skipped("no network namespace can be made by `ip netns add`");
            return None;
        }
        let (delays_us, is_over) = (Arc::default(), Arc::default());
        let mut road = Self { engine, venue, delays_us, is_over, threads: Vec::new() };
        let here = [Ipv4Addr::new(10, 213, 78, 1)];
        for (host, addresses) in [(&road.engine, &here[..]), (&road.venue, &EDGES[..])] {
            if !ip(&format!("-n {host} tuntap add dev road mode tun")) {
                skipped("no tun device can be made");
                return None;
            }
            for address in addresses {
                assert!(ip(&format!("-n {host} address add {address}/24 dev road")));
            }
            assert!(ip(&format!("-n {host} link set road up")));
        }
        let [engine, venue] = [&road.engine, &road.venue].map(|host| on(host, open_tun));
        road.threads = road.carry(engine, venue);
        Some(road)
    }

    /// From now on a packet to that address takes so long.
    pub(crate) fn delay(&self, edge: usize, delay: Duration) {
        self.delays_us[edge].store(delay.as_micros() as u64, Ordering::SeqCst);
    }

    fn carry(&self, engine: File, venue: File) -> Vec<JoinHandle<()>> {
        let (engine, venue) = (Arc::new(engine), Arc::new(venue));
        let mut threads = Vec::new();
        let lanes: Vec<Sender<Packet>> = (0..2)
            .map(|_| {
                let (sender, packets) = channel::<Packet>();
                let venue = Arc::clone(&venue);
                threads.push(std::thread::spawn(move || {
                    for (due, packet) in packets {
                        std::thread::sleep(due.saturating_duration_since(Instant::now()));
                        // A full device drops it, as any network does.
                        let _ = (&*venue).write(&packet);
                    }
                }));
                sender
            })
            .collect();
        let (delays_us, from) = (Arc::clone(&self.delays_us), Arc::clone(&engine));
        threads.push(self.read(from, move |packet| {
            // Byte 19 is the last one of the destination (RFC 791 section 3.1).
            let edge = usize::from(packet[19] == EDGES[1].octets()[3]);
            let delay = Duration::from_micros(delays_us[edge].load(Ordering::SeqCst));
            let _ = lanes[edge].send((Instant::now() + delay, packet.to_vec()));
        }));
        threads.push(self.read(venue, move |packet| {
            let _ = (&*engine).write(packet);
        }));
        threads
    }

    /// Reads packets of IPv4 until the road is over.
    fn read(
        &self,
        from: Arc<File>,
        mut each: impl FnMut(&[u8]) + Send + 'static,
    ) -> JoinHandle<()> {
        let is_over = Arc::clone(&self.is_over);
        std::thread::spawn(move || {
            let mut packet = [0; 4096];
            while !is_over.load(Ordering::SeqCst) {
                let mut ready = [PollFd::new(from.as_fd(), PollFlags::POLLIN)];
                let _ = poll(&mut ready, 20_u8);
                while let Ok(len) = (&*from).read(&mut packet) {
                    if len >= 20 && packet[0] >> 4 == 4 {
                        each(&packet[..len]);
                    }
                }
            }
        })
    }
}

impl Drop for Road {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        self.threads.drain(..).for_each(|thread| thread.join().unwrap());
        ip(&format!("netns del {}", self.engine));
        ip(&format!("netns del {}", self.venue));
    }
}

/// The descriptor of the device `road` of this thread's host.
fn open_tun() -> File {
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).custom_flags(libc::O_NONBLOCK);
    let file = options.open("/dev/net/tun").unwrap();
    // SAFETY: zeros are a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"road") {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
    // SAFETY: TUNSETIFF reads and writes one `ifreq`, and the descriptor is open.
    let answer = unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &raw mut request) };
    assert_eq!(answer, 0, "{}", std::io::Error::last_os_error());
    file
}
