//! The session's thread: it does what the policy says is due, and waits for what is next.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::unix::AsyncFdReadyGuard;
use tokio::runtime::{Builder, Runtime};

use super::event::{Ended, Lost, News, WsLoss, outcome_of};
use super::log::words_of;
use super::receiving::Turn;
use super::settings::Source;
use super::upgrade::{Asks, Refused, Switched, undialled};
use super::{NotUp, Session};
use crate::config::Config;
use crate::driver::clock::{now_ns, wall_ns};
use crate::error::{Outcome, Status, WireState};
use crate::net::cancellation::PutOff;
use crate::net::connect::DialError;
use crate::net::dial_thread::DialThread;
use crate::net::standard::spared;
use crate::net::thread;
use crate::net::watch::{Watch, watch};
use crate::ws::frame::Kind;
use crate::ws::keep_alive::PingPayload;
use crate::ws::message::Receiver;
use crate::ws::session::life::{Due, Why};
use crate::ws::settings::ReceiverSettings;

/// The receive buffer has so much room at first.
const CAPACITY: usize = 64 * 1024;

/// A connection as the thread has it: its registration, and what was read of it.
struct Serving {
    watch: Watch,
    receiver: Receiver,
    /// The socket may have more than was read.
    has_more: bool,
}

/// Starts the thread.
pub(super) fn spawn(session: &Arc<Session>, config: &Config) -> Result<(), DialError> {
    let runtime = || Builder::new_current_thread().enable_io().enable_time().build();
    let runtime = spared(runtime).map_err(DialError::of_system("runtime"))?;
    let dial_thread = DialThread::hold().map_err(DialError::of_system("dial thread"))?;
    let its_session = Arc::clone(session);
    let body = move || its_session.live(&runtime, dial_thread);
    let thread = thread::spawn(config.thread_name(), config.cpu(), body)
        .map_err(DialError::of_system("thread"))?;
    session.set_thread(thread);
    Ok(())
}

/// What must happen however the thread ends: the engine is told.
struct End<'a>(&'a Session);

impl Drop for End<'_> {
    fn drop(&mut self) {
        let session = self.0;
        if std::thread::panicking() {
            session.lose(Why::Internal);
            let _ = session.core().life.close(None, "", now_ns());
        }
        session.report(Err(session.ended_early().into()));
        session.delivery.hand_on();
        session.tell_news(&News::Closed, &[]);
        session.delivery.end();
    }
}

fn clear<T: std::os::fd::AsRawFd>(mut ready: AsyncFdReadyGuard<'_, T>) {
    ready.clear_ready();
}

impl Session {
    fn live(self: Arc<Self>, runtime: &Runtime, dial_thread: DialThread) {
        // A function of the engine may cancel the thread that it runs on.
        PutOff::begin().for_ever();
        let _ = self.thread_id.set(std::thread::current().id());
        let end = End(&self);
        runtime.block_on(self.run(&dial_thread));
        drop(end);
        drop(dial_thread);
    }

    async fn run(&self, dial_thread: &DialThread) {
        let mut serving: Option<Serving> = None;
        loop {
            self.delivery.hand_on();
            let now = now_ns();
            self.end_expired(now);
            let due = self.core().life.due(now);
            match due {
                Due::Closed => return,
                Due::Dial => serving = self.dial(dial_thread).await,
                Due::Open(index) => self.open_next(index),
                Due::Up => {
                    self.is_opening.store(false, Ordering::Relaxed);
                    self.tell_news(&News::Up, &[]);
                    self.report(Ok(()));
                }
                Due::Ping(payload) => self.ping(payload, now),
                Due::GiveUp(why) => {
                    serving = None;
                    self.lose(why);
                }
                Due::Wait(until_ns) => serving = self.serve(serving, until_ns).await,
            }
        }
    }

    /// Waits for what is next, and reads if there is something.
    async fn serve(&self, mut serving: Option<Serving>, until_ns: Option<u64>) -> Option<Serving> {
        // A fault that a sender has met: what came before it is read first.
        let fault = self.core().fault;
        if fault.is_none() && !serving.as_ref().is_some_and(|serving| serving.has_more) {
            self.wait(serving.as_ref(), until_ns).await;
        } else {
            tokio::task::yield_now().await;
        }
        let its = serving.as_mut()?;
        let turn = self.turn(&mut its.receiver);
        its.has_more = turn == Turn::More;
        let over = match turn {
            Turn::Over(why) => Some(why),
            Turn::More => None,
            Turn::Drained => fault,
        };
        if let Some(why) = over {
            self.lose(why);
            return None;
        }
        serving
    }

    async fn wait(&self, serving: Option<&Serving>, until_ns: Option<u64>) {
        let now = now_ns();
        let (left_ns, is_watch, has_unsent) = {
            let mut core = self.core();
            let due_ns = until_ns.into_iter().chain(core.calls.deadline_ns()).min();
            let watch_ns = now.saturating_add(core.watch.ns());
            core.wakes_ns = due_ns.map_or(watch_ns, |due_ns| due_ns.min(watch_ns));
            (core.wakes_ns.saturating_sub(now), core.wakes_ns == watch_ns, core.has_unsent())
        };
        let sleep = tokio::time::sleep(Duration::from_nanos(left_ns));
        let socket = async {
            let Some(serving) = serving else { return std::future::pending().await };
            // Cleared before the read: what comes from now on makes it ready again.
            tokio::select! {
                ready = serving.watch.readable() => drop(ready.map(clear)),
                ready = serving.watch.writable(), if has_unsent => drop(ready.map(clear)),
            }
        };
        let mut has_slept = false;
        tokio::select! {
            () = socket => {}
            () = self.wake.notified() => {}
            () = sleep => has_slept = true,
        }
        let mut core = self.core();
        if has_slept && is_watch {
            core.watch.slept();
        }
        core.wakes_ns = 0;
    }

    /// Dials and asks for the upgrade. `None`: there is no connection, and the next dial waits.
    async fn dial(&self, dial_thread: &DialThread) -> Option<Serving> {
        self.is_opening.store(true, Ordering::Relaxed);
        self.log.dials();
        let mut dial = std::pin::pin!(self.dial_and_ask(dial_thread));
        let dialled = loop {
            tokio::select! {
                dialled = &mut dial => break dialled,
                // The engine may have closed the session meanwhile.
                () = self.wake.notified() => {
                    self.delivery.hand_on();
                    if self.core().life.is_ending() {
                        return None;
                    }
                }
            }
        };
        match dialled {
            Ok(serving) => Some(serving),
            Err(refused) => {
                self.dial_failed(refused);
                None
            }
        }
    }

    async fn dial_and_ask(&self, dial_thread: &DialThread) -> Result<Serving, Refused> {
        let ways = self.ways.clone();
        let dialled = dial_thread.run(async move { ways.dial(0).await }).await;
        let dialled = dialled.map_err(DialError::of_system("dial thread")).map_err(undialled)?;
        let mut connection = dialled.map_err(undialled)?.connection;
        let watch = watch(&connection);
        let watch = watch.map_err(DialError::of_system("epoll")).map_err(undialled)?;
        let Switched { agreed, behind } = self.asks().ask(&mut connection, &watch).await?;
        let settings = ReceiverSettings {
            limits: self.settings.limits,
            check_utf8: self.settings.check_utf8,
            deflate: agreed.deflate,
        };
        let mut receiver = Receiver::new(settings, CAPACITY);
        let no_memory =
            |_| undialled(DialError::of_system("memory")(std::io::ErrorKind::OutOfMemory.into()));
        receiver.take_over(&behind).map_err(no_memory)?;
        let mut core = self.core();
        if !core.install(connection, now_ns()) {
            drop(core);
            return Err(undialled(self.ended_early()));
        }
        self.connection.store(core.connections, Ordering::Relaxed);
        drop(core);
        Ok(Serving { watch, receiver, has_more: true })
    }

    pub(super) fn asks(&self) -> Asks<'_> {
        let (limits, settings) = (&self.limits, &self.settings);
        Asks { origin: &self.origin, path: &self.path, limits, settings }
    }

    fn dial_failed(&self, refused: Refused) {
        let Refused { mut failed, mut body } = refused;
        let until_ns = self.core().life.dial_failed(now_ns(), fastrand::u64(..));
        failed.until_ns = until_ns.unwrap_or(0);
        let (step, os_error, text) = (failed.status, failed.os_error, failed.text.clone());
        let logged = words_of(&failed);
        if !body.is_empty() {
            body.resize(body.len() + crate::buf::TAIL, 0);
        }
        self.tell_news(&News::Failed(Box::new(failed)), &body);
        self.report(Err(NotUp { error: DialError { step, os_error, text }, logged }));
    }

    fn ping(&self, payload: PingPayload, now: u64) {
        match &self.settings.text_ping {
            None => self.core().send_ping(&payload, now),
            Some(ping) => {
                let number = u64::from_be_bytes(payload);
                let message = ping.message(number, wall_ns() / 1_000_000);
                self.awaits_pong_message.store(true, Ordering::Relaxed);
                self.core().send_ping_message(ping.kind(), &message, now);
            }
        }
    }

    /// Sends the next opening message.
    fn open_next(&self, index: usize) {
        let opening = &self.settings.openings[index];
        let mut room = Vec::new();
        let bytes = match &opening.source {
            Source::Fixed(bytes) => Some(&bytes[..]),
            Source::Written(write) => {
                room.resize(self.settings.max_send, 0);
                let len = write(wall_ns(), &mut room).filter(|len| *len <= room.len());
                len.map(|len| &room[..len])
            }
        };
        let mut core = self.core();
        // The engine may have closed the session meanwhile: nothing goes behind a close frame.
        let is_open = core.life.may_send();
        let send = |bytes: &[u8]| core.send_opening(opening.kind, bytes).is_ok();
        let sent = is_open && bytes.is_some_and(send);
        if sent {
            core.life.opening_sent(opening.awaits, now_ns());
        }
        drop(core);
        // It may hold a signature.
        zeroize::Zeroize::zeroize(&mut room);
        if is_open && !sent {
            self.lose(Why::OpeningRefused);
        }
    }

    /// Ends the calls whose deadline has passed.
    fn end_expired(&self, now_ns: u64) {
        loop {
            let Some(call) = self.core().calls.expired(now_ns) else { return };
            // Its bytes were handed over, and leave sooner or later while the connection lives.
            self.tell_end(Ended { call, outcome: Outcome::Timeout, wire_state: WireState::Sent });
        }
    }

    fn tell_end(&self, ended: Ended) {
        self.tell(&News::Completion(ended, Kind::Text), &[]);
    }

    /// Gives the connection up: tells what became of the messages, then of each call.
    pub(super) fn lose(&self, why: Why) {
        let (fate, calls, until_ns, tls) = {
            let mut core = self.core();
            let tls = core.connection().and_then(|connection| connection.tls_fault());
            let (fate, calls, until_ns) = core.lose(why, now_ns(), fastrand::u64(..));
            (fate, calls, until_ns.unwrap_or(0), tls)
        };
        let close_code = if let Why::PeerClosed(code) = why { code } else { 0 };
        let loss = WsLoss::of(why);
        let text = match (why, tls) {
            (Why::Protocol(error), _) => error.to_string(),
            (Why::Tls, Some(text)) => text,
            (Why::PeerClosed(code), _) => format!("the peer has closed with {code}"),
            _ => loss.name().to_string_lossy().into_owned(),
        };
        let step = Status::ERR_OPENING;
        self.report(Err(DialError { step, os_error: 0, text: text.clone() }.into()));
        let lost = Lost { loss, close_code, fate, until_ns, text };
        self.tell_news(&News::Lost(Box::new(lost)), &[]);
        for call in calls {
            let wire_state = fate.of(call.sequence);
            self.tell_end(Ended { call, outcome: outcome_of(why), wire_state });
        }
    }
}
