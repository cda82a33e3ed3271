//! The far side of a case: mock venues or a scripted server, the network before them, and the
//! ledger of what has arrived there.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use mock_venue::{Certificates, How, Options, Peer, Script, ScriptServer, Transport, Venue};
use venuepool::config::Config;
use venuepool::driver::Pool;

use crate::cable::{Net, VENUE, on};
use crate::proxy::Proxy;
use crate::rig::until;

/// What a scripted server does with an order that it is to spoil.
pub(crate) type Act = Arc<dyn Fn(&mut Peer, &Ledger) + Send + Sync>;

/// Opens a pool.
pub(crate) type Opener = Box<dyn Fn(&Config) -> Arc<Pool> + Send + Sync>;

/// When it begins to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// At the first byte of the order.
    FirstByte,
    /// Once the order has arrived whole, and is in the ledger.
    Whole,
    /// Once the order is answered.
    Answered,
}

/// What scripted servers have seen, and are to do.
#[derive(Default)]
pub(crate) struct Ledger {
    times: Mutex<HashMap<String, u64>>,
    /// So many orders more are spoilt.
    to_spoil: AtomicUsize,
    /// Whoever spoils one holds still as long as this is set.
    held: AtomicBool,
    /// Handshakes of new connections are spoilt.
    pub(crate) spoils_dials: AtomicBool,
    pub(crate) open: AtomicUsize,
}

impl Ledger {
    /// The next orders are spoilt.
    pub(crate) fn spoil(&self, orders: usize) {
        self.to_spoil.store(orders, Ordering::SeqCst);
    }

    /// The next order is spoilt, and its connection then held still.
    pub(crate) fn spoil_and_hold(&self) {
        self.held.store(true, Ordering::SeqCst);
        self.spoil(1);
    }

    /// What is held goes on.
    pub(crate) fn let_go(&self) {
        self.held.store(false, Ordering::SeqCst);
    }

    /// Does nothing, until it is let go.
    pub(crate) fn hold(&self) {
        until(|| (!self.held.load(Ordering::SeqCst)).then_some(()));
    }

    /// Takes one that is to be spoilt.
    pub(crate) fn takes_one(&self) -> bool {
        let take = |left: usize| left.checked_sub(1);
        self.to_spoil.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok()
    }

    /// An order has arrived whole.
    pub(crate) fn arrived(&self, order: &[u8]) {
        let text = String::from_utf8_lossy(order);
        let Some((_, id)) = text.rsplit_once("newClientOrderId=") else { return };
        let id = id.split('&').next().unwrap_or_default();
        *self.times.lock().unwrap().entry(id.to_owned()).or_default() += 1;
    }
}

/// The answer to an order, which names it.
pub(crate) fn answer(order: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(order);
    let id = text.rsplit_once("newClientOrderId=").map_or("", |(_, id)| id);
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{id}", id.len()).into_bytes()
}

/// Bytes of the head and the length of the body, once they are known.
pub(crate) fn whole_size(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let (_, rest) = text.split_once("content-length:")?;
    Some(head + rest.lines().next()?.trim().parse::<usize>().ok()?)
}

/// Serves orders on one connection, and spoils those that it is told to.
fn serve_orders(peer: &mut Peer, ledger: &Ledger, stage: Stage, act: &Act) {
    let mut received = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let Ok(count @ 1..) = peer.read_some(&mut buffer) else { return };
        let is_first = received.is_empty();
        received.extend_from_slice(&buffer[..count]);
        if is_first && stage == Stage::FirstByte && ledger.takes_one() {
            return act(peer, ledger);
        }
        if whole_size(&received).is_none_or(|size| received.len() < size) {
            continue;
        }
        ledger.arrived(&received);
        if stage == Stage::Whole && ledger.takes_one() {
            return act(peer, ledger);
        }
        // Taken before the answer is out, whose receiver may at once ask for the next to be spoilt.
        let spoils_what_follows = stage == Stage::Answered && ledger.takes_one();
        if peer.write(&answer(&received)).is_err() {
            return;
        }
        if spoils_what_follows {
            return act(peer, ledger);
        }
        received.clear();
    }
}

/// The far side.
pub(crate) struct Far {
    pub(crate) url: String,
    pub(crate) ca_pem: String,
    pub(crate) venues: Vec<Venue>,
    pub(crate) _script: Option<ScriptServer>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) net: Option<Net>,
    /// Stands between, for some cases.
    pub(crate) proxy: Option<Proxy>,
    /// Opens the pool, on another host or with another view of this one.
    pub(crate) opener: Option<Opener>,
}

impl Far {
    /// A mock venue.
    pub(crate) fn venue(transport: Transport) -> Self {
        Self::of(Venue::start(Options { transport, ..Options::plain() }).unwrap())
    }

    /// This venue.
    pub(crate) fn of(venue: Venue) -> Self {
        Self {
            url: venue.url(),
            ca_pem: venue.ca_pem().to_owned(),
            venues: vec![venue],
            _script: None,
            ledger: Arc::default(),
            net: None,
            proxy: None,
            opener: None,
        }
    }

    /// A mock venue behind a proxy.
    pub(crate) fn behind_proxy(transport: Transport) -> Self {
        let far = Self::venue(transport);
        let proxy = Some(Proxy::start(far.first().address()));
        Self { proxy, ..far }
    }

    /// A mock venue behind a cable. `None`, and a loud line, without the right to lay one.
    pub(crate) fn behind_cable(transport: Transport) -> Option<Self> {
        let net = Net::lay()?;
        let listen = SocketAddr::new(IpAddr::V4(VENUE), 0);
        let options = Options { listen, transport, ..Options::plain() };
        let venue = on(&net.venue, || Venue::start(options).unwrap());
        let scheme = if transport == Transport::Plain { "http" } else { "https" };
        let url = format!("{scheme}://{VENUE}:{}", venue.address().port());
        let host = net.engine.clone();
        let opener = move |config: &Config| on(&host, || Pool::open(config).unwrap());
        let opener: Option<Opener> = Some(Box::new(opener));
        Some(Self { url, net: Some(net), opener, ..Self::of(venue) })
    }

    /// A scripted server, which spoils orders by `act` when its ledger says so.
    pub(crate) fn script(
        transport: Transport,
        stage: Stage,
        act: impl Fn(&mut Peer, &Ledger) + Send + Sync + 'static,
    ) -> Self {
        let (ledger, act): (Arc<Ledger>, Act) = (Arc::default(), Arc::new(act));
        let theirs = Arc::clone(&ledger);
        let serve = move |peer: &mut Peer, _| {
            let ledger = &theirs;
            ledger.open.fetch_add(1, Ordering::SeqCst);
            serve_orders(peer, ledger, stage, &act);
            ledger.open.fetch_sub(1, Ordering::SeqCst);
        };
        let certificates = Certificates::new().unwrap();
        let server = match transport {
            Transport::Plain => Script::serve(serve).unwrap(),
            _ => Script::serve_tls(transport, &certificates, serve).unwrap(),
        };
        Self::scripted(server, certificates.ca_pem(), ledger)
    }

    /// This scripted server.
    pub(crate) fn scripted(server: ScriptServer, ca_pem: &str, ledger: Arc<Ledger>) -> Self {
        Self {
            url: server.url(),
            ca_pem: ca_pem.to_owned(),
            venues: Vec::new(),
            _script: Some(server),
            ledger,
            net: None,
            proxy: None,
            opener: None,
        }
    }

    /// The one mock venue, or the first of them.
    pub(crate) fn first(&self) -> &Venue {
        &self.venues[0]
    }

    /// Opens a pool to it.
    pub(crate) fn open(&self, config: &Config) -> Arc<Pool> {
        self.opener.as_ref().map_or_else(|| Pool::open(config).unwrap(), |open| open(config))
    }

    /// How often an order has arrived whole.
    pub(crate) fn times(&self, id: &str) -> u64 {
        let venues: u64 = self.venues.iter().map(|venue| venue.orders_with_id(id)).sum();
        venues + self.ledger.times.lock().unwrap().get(id).copied().unwrap_or(0)
    }

    /// How many orders have arrived more than once.
    pub(crate) fn duplicates(&self) -> usize {
        let venues: u64 = self.venues.iter().map(|venue| venue.stats().duplicates).sum();
        let twice = |times: &&u64| **times > 1;
        venues as usize + self.ledger.times.lock().unwrap().values().filter(twice).count()
    }

    /// Ends all connections of the one mock venue but the newest: a session has left them, and a
    /// venue that stalls does not see that.
    pub(crate) fn let_go_of_old_connections(&self) {
        let old = self.first().stats().open.saturating_sub(1);
        self.first().kill_some(How::Rst, old as usize);
    }

    /// Waits until the far side has as many connections as a pool believes to have.
    pub(crate) fn await_connections(&self, connections: usize) {
        until(|| {
            let venues: u64 = self.venues.iter().map(|venue| venue.stats().open).sum();
            let scripted = self.ledger.open.load(Ordering::SeqCst);
            (venues as usize + scripted == connections).then_some(())
        });
    }
}
