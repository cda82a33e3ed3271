//! The one check that every fault of a WebSocket session goes through.
//!
//! A case says what the fault is, how the orders that meet it end, why the connection is lost, and
//! how the session heals. [`SessionCase::run`] opens a session for each transport and drive, all at
//! the same time, and repeats with each: an order that must be answered, the fault, its end,
//! healing, another order that must be answered. Between two halves of the rounds, and behind them,
//! nothing may be held that was not held before. At the end the ledger must agree with the venue's.
//!
//! [`Heals`] means for a session what it means for a pool. At once: the loss tells a dial without
//! delay, and no dial fails.

use std::time::Duration;

use mock_venue::Transport;
use venuepool::clock::now_ns;
use venuepool::config::{Config, Drive};
use venuepool::error::{Outcome, Status};
use venuepool::session::Session;
use venuepool::session::event::{Event, Lost, WsLoss};
use venuepool::session::settings::Settings;

use crate::cable::on;
use crate::case::{ANSWERED, BOTH, BOTH_DRIVES, Heals, MS, one_at_a_time};
use crate::desk::{Desk, key_of};
use crate::far::Far;
use crate::ledger::End;
use crate::process::{POOL_THREADS, Usage, live_bytes};
use crate::rig::PATIENCE;

/// The rounds of one half.
const ROUNDS: u32 = 3;
/// The delays between dials. A connection that has lived for fifteen of the shortest is dialled at
/// once again.
const BACKOFF_NS: (u64, u64) = (MS, 20 * MS);
const LONG_LIFE_NS: u64 = 15 * MS;
/// The limits of the steps of a dial, where dials fail.
const STEP_NS: u64 = 300 * MS;
/// What a healing that takes one step may take: a dial that was begun too early has its limits, the
/// next one waits for the longest backoff, and is made. And a busy machine is no fault.
const ONE_STEP: Duration = Duration::from_nanos(4 * STEP_NS + BACKOFF_NS.1 + 800 * MS);
/// What the second half of the rounds may hold more than the first, in bytes, for each session:
/// its orders are remembered on both sides.
const GROWTH: i64 = 24 * 1024;

type MakeFar = Box<dyn Fn(Transport) -> Option<Far> + Sync>;
type Set = Box<dyn Fn(&mut Config, &mut Settings, &Far) + Sync>;
type Step = Box<dyn Fn(&mut Scene<'_>) + Sync>;
type CheckLoss = Box<dyn Fn(&Desk, &Lost) + Sync>;

/// What a step of a case can see and touch.
pub(crate) struct Scene<'a> {
    pub(crate) far: &'a Far,
    pub(crate) desk: &'a mut Desk,
    /// What a fault has put in the way, until its end takes it away.
    pub(crate) in_the_way: &'a mut Option<Box<dyn std::any::Any>>,
}

/// A fault, and what is expected of a session.
pub(crate) struct SessionCase {
    name: &'static str,
    transports: &'static [Transport],
    rounds: u32,
    far: MakeFar,
    settings: Set,
    fault: Step,
    end_of_fault: Step,
    ends: Vec<End>,
    losses: Vec<(WsLoss, u16)>,
    check_loss: CheckLoss,
    failed: Option<(Status, &'static str)>,
    opening_fails: Option<WsLoss>,
    heals: Heals,
}

/// A case with a mock venue, and no fault yet. [`SessionCase::run`] is told how it heals.
pub(crate) fn session_case(name: &'static str) -> SessionCase {
    SessionCase {
        name,
        transports: BOTH,
        rounds: ROUNDS,
        far: Box::new(|transport| Some(Far::venue(transport))),
        settings: Box::new(|_, _, _| {}),
        fault: Box::new(|_| {}),
        end_of_fault: Box::new(|scene| scene.far.first().clear_faults().unwrap()),
        ends: vec![ANSWERED],
        losses: Vec::new(),
        check_loss: Box::new(|_, _| {}),
        failed: None,
        opening_fails: None,
        heals: Heals::NoneLost,
    }
}

impl SessionCase {
    pub(crate) fn over(mut self, transports: &'static [Transport]) -> Self {
        self.transports = transports;
        self
    }

    /// For a fault that takes long to show.
    pub(crate) fn rounds(mut self, rounds: u32) -> Self {
        self.rounds = rounds;
        self
    }

    /// Against this far side instead of a mock venue.
    pub(crate) fn against(
        mut self,
        far: impl Fn(Transport) -> Option<Far> + Sync + 'static,
    ) -> Self {
        self.far = Box::new(far);
        self
    }

    pub(crate) fn with(
        mut self,
        settings: impl Fn(&mut Config, &mut Settings, &Far) + Sync + 'static,
    ) -> Self {
        self.settings = Box::new(settings);
        self
    }

    /// What happens to the session. Orders that are sent here meet the fault.
    pub(crate) fn fault(mut self, fault: impl Fn(&mut Scene<'_>) + Sync + 'static) -> Self {
        self.fault = Box::new(fault);
        self
    }

    /// How it stops happening, after the orders that met it have ended.
    pub(crate) fn until(mut self, end: impl Fn(&mut Scene<'_>) + Sync + 'static) -> Self {
        self.end_of_fault = Box::new(end);
        self
    }

    /// How an order that meets the fault ends: in one of these ways.
    pub(crate) fn expect(mut self, ends: &[End]) -> Self {
        self.ends = ends.to_vec();
        self
    }

    /// Why the connection is given up: for one of these reasons.
    pub(crate) fn loses(mut self, losses: &[WsLoss]) -> Self {
        self.losses = losses.iter().map(|loss| (*loss, 0)).collect();
        self
    }

    /// The peer closes it with this code.
    pub(crate) fn loses_by(mut self, code: u16) -> Self {
        self.losses = vec![(WsLoss::PeerClosed, code)];
        self
    }

    /// More about what is told of the loss.
    pub(crate) fn told(mut self, check: impl Fn(&Desk, &Lost) + Sync + 'static) -> Self {
        self.check_loss = Box::new(check);
        self
    }

    /// Dials fail at this step, and that is told with these words. Meanwhile orders are refused.
    pub(crate) fn dials_fail(mut self, step: Status, words: &'static str) -> Self {
        self.failed = Some((step, words));
        self
    }

    /// New connections are lost for this reason before they are up. Meanwhile orders are refused.
    pub(crate) fn opening_fails(mut self, loss: WsLoss) -> Self {
        self.opening_fails = Some(loss);
        self
    }

    pub(crate) fn run(self, heals: Heals) {
        run_together(vec![self], heals);
    }

    /// A session for each transport and drive. `None`: without the right to make networks, and a
    /// loud line has said so.
    fn open_all(&self) -> Option<Vec<(&Self, Far, Desk)>> {
        let both = |its: &Transport| BOTH_DRIVES.map(|drive| (*its, drive));
        let variants = self.transports.iter().flat_map(both);
        let open =
            |(transport, drive)| self.open(transport, drive).map(|(far, desk)| (self, far, desk));
        variants.map(open).collect()
    }

    fn open(&self, transport: Transport, drive: Drive) -> Option<(Far, Desk)> {
        let far = (self.far)(transport)?;
        let (mut config, mut settings) = (config(&far, self.heals), Settings::default());
        config.set_drive(drive);
        let step_ns = if self.heals == Heals::OneStep { STEP_NS } else { patience_ns() };
        settings.set_timeouts(step_ns, step_ns, step_ns).unwrap();
        settings.set_match(Some(std::sync::Arc::new(|_, padded: &[u8]| key_of(padded))));
        (self.settings)(&mut config, &mut settings, &far);
        let open = || Session::open(&config, &settings, b"/ws").unwrap();
        let session = match &far.net {
            Some(net) => on(&net.engine, open),
            None => open(),
        };
        let mut desk = Desk::new(session);
        let (_, event) = desk.event();
        assert_eq!(event, Event::Up, "{}", self.name);
        Some((far, desk))
    }

    /// One fault, from before it to after it.
    fn round(&self, far: &Far, desk: &mut Desk) {
        let name = self.name;
        desk.expect_answer(name);
        // Only what has proven itself is dialled at once again.
        desk.until(|desk| now_ns() >= desk.up_ns + LONG_LIFE_NS);
        let connections = desk.session.health().connections;
        desk.met.clear();
        let mut in_the_way = None;
        (self.fault)(&mut Scene { far, desk, in_the_way: &mut in_the_way });
        let lost = (self.heals != Heals::NoneLost).then(|| self.lost(desk));
        for id in std::mem::take(&mut desk.met) {
            let end = desk.end_of(id);
            assert!(self.ends.contains(&end), "{name}: {end:?}, not of {:?}", self.ends);
        }
        self.meet_failures(desk);
        (self.end_of_fault)(&mut Scene { far, desk, in_the_way: &mut in_the_way });
        self.check_healing(desk, lost, connections);
        desk.expect_answer(name);
        far.let_go_of_old_connections();
    }

    /// The connection is lost, which is told once, and before anything else is.
    fn lost(&self, desk: &mut Desk) -> (u64, Lost) {
        let (told_ns, event) = desk.event();
        let Event::Lost(lost) = event else { panic!("{}: {event:?}", self.name) };
        let found = (lost.loss, lost.close_code);
        assert!(self.losses.contains(&found), "{}: {lost:?}, not of {:?}", self.name, self.losses);
        (self.check_loss)(desk, &lost);
        (told_ns, *lost)
    }

    /// Waits until what is expected of its dials and openings has been told.
    fn meet_failures(&self, desk: &mut Desk) {
        if self.failed.is_none() && self.opening_fails.is_none() {
            return;
        }
        let is_it = |event: &Event| match event {
            Event::Failed(its) => self
                .failed
                .is_some_and(|(step, words)| its.status == step && its.text.contains(words)),
            Event::Lost(its) => self.opening_fails == Some(its.loss),
            Event::Up => panic!("{}: it is up", self.name),
            _ => false,
        };
        while !is_it(&desk.event().1) {}
        let refused = desk.order(serde_json::json!({}), 0, PATIENCE);
        assert_eq!(refused, Err(Status::ERR_SLOT_DOWN), "{}", self.name);
    }

    /// The session is up again: was it so by the rules?
    fn check_healing(&self, desk: &mut Desk, lost: Option<(u64, Lost)>, connections: u32) {
        let (name, begin_ns) = (self.name, now_ns());
        match self.heals {
            Heals::NoneLost => {
                desk.expect_answer(name);
                assert!(desk.told_nothing(), "{name}: something is told");
                assert_eq!(desk.session.health().connections, connections, "{name}");
            }
            Heals::AtOnce => {
                let (told_ns, lost) = lost.expect("there is a loss");
                let delay_ns = lost.until_ns.saturating_sub(told_ns);
                assert_eq!(delay_ns, 0, "{name}: the dial is not begun at once");
                let (_, event) = desk.event();
                assert_eq!(event, Event::Up, "{name}");
                assert_eq!(desk.session.health().connections, connections + 1, "{name}");
            }
            Heals::OneStep => {
                desk.up();
                let took = Duration::from_nanos(desk.up_ns.saturating_sub(begin_ns));
                assert!(took <= ONE_STEP, "{name}: healed in {took:?}, not {ONE_STEP:?}");
            }
        }
    }
}

/// Runs cases that heal in the same way, all at the same time: they wait, and compute nothing.
pub(crate) fn run_together(mut cases: Vec<SessionCase>, heals: Heals) {
    cases.iter_mut().for_each(|case| case.heals = heals);
    let names: Vec<_> = cases.iter().map(|case| case.name).collect();
    let names = names.join(", ");
    let _turn = one_at_a_time();
    let before = Usage::look();
    let opened: Option<Vec<_>> = cases.iter().map(SessionCase::open_all).collect();
    let Some(opened) = opened else { return };
    let mut opened: Vec<_> = opened.into_iter().flatten().collect();
    let at_rest = Usage::look();
    let mut held = Vec::new();
    for _half in 0..2 {
        std::thread::scope(|scope| {
            for (case, far, desk) in &mut opened {
                scope.spawn(move || (0..case.rounds).for_each(|_| case.round(far, desk)));
            }
        });
        at_rest.await_again(&names);
        held.push(live_bytes());
    }
    let growth = held[1] - held[0];
    let most = GROWTH * opened.len() as i64;
    assert!(growth < most, "{names}: {growth} bytes more in the second half");
    println!("{names}: {growth} bytes more live in the second half");
    opened.into_iter().for_each(|(_, far, desk)| desk.close_and_reconcile(&far));
    before.await_again(&names);
}

fn patience_ns() -> u64 {
    PATIENCE.as_nanos() as u64
}

fn config(far: &Far, heals: Heals) -> Config {
    // By number: looking names up takes threads, whose number is counted.
    let url = far.url.replace("localhost", "127.0.0.1");
    let mut config = crate::rig::config(&url, 1);
    config.set_ca_pem(far.ca_pem.as_bytes()).unwrap();
    config.set_server_name(b"localhost").unwrap();
    config.set_backoff_ns(BACKOFF_NS.0, BACKOFF_NS.1).unwrap();
    let step_ns = if heals == Heals::OneStep { STEP_NS } else { patience_ns() };
    config.set_connect_timeout_ns(step_ns).unwrap();
    config.set_tls_handshake_timeout_ns(step_ns).unwrap();
    config.set_thread_name(POOL_THREADS.as_bytes()).unwrap();
    config
}

/// What an order that was sent, and has no answer, ends with.
pub(crate) const fn unanswered(outcome: Outcome) -> End {
    (outcome, venuepool::error::WireState::Sent)
}
