//! A slot between those who submit, wait in the queue, cancel, hold leases, serve and close.
//!
//! The pool's own thread serves until it has seen enough. Were a completion lost, or a slot idle
//! while somebody waits, it would sleep for ever, and the checker reports that as a deadlock.

mod checker;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use checker::{check, spawn};
use loom::thread::JoinHandle;
use venuepool_model::completion::Callback;
use venuepool_model::driver::submit::WhenBusy;
use venuepool_model::error::{Outcome, Status};
use venuepool_model::http::request::Request;
use venuepool_model::lane::LaneSet;
use venuepool_model::pool::dispatch::Lease;
use venuepool_model::pool::fanout::{Completes, FanoutRules};
use venuepool_model::tasks::model::Model;

/// The venue answers whatever comes.
const ALL: usize = usize::MAX;

fn submit(model: &Model, when_busy: WhenBusy) -> Result<u64, Status> {
    submit_with(model, when_busy, None, 0)
}

fn submit_with(
    model: &Model,
    when_busy: WhenBusy,
    callback: Option<Callback>,
    timeout_ns: u64,
) -> Result<u64, Status> {
    let mut request = Request::new(Arc::clone(model.pool.origin()));
    request.begin(b"GET", b"/").unwrap();
    if timeout_ns != 0 {
        request.set_timeout_ns(timeout_ns);
    }
    let id = model.pool.submit(&mut request, callback, when_busy);
    model.sent();
    id
}

/// The pool's own thread, until so many requests have ended.
fn serve(model: &Arc<Model>, answers: usize, ended: u64) -> JoinHandle<()> {
    let model = Arc::clone(model);
    spawn(move || {
        model.serve(answers, |pool| {
            pool.stats().answered.get() + pool.stats().failed.get() == ended
        });
    })
}

/// The pool's own thread, until the pool has ended.
fn serve_to_the_end(model: &Arc<Model>, answers: usize) -> JoinHandle<()> {
    let model = Arc::clone(model);
    spawn(move || {
        model.serve(answers, |_| model.is_ending());
        model.end();
    })
}

/// Ends a pool whose own thread has left already: the checker looks for what is still held.
fn close(model: &Model) {
    model.pool.shutdown(Duration::ZERO);
    model.end();
    model.pool.completions().poll(8, |_| ());
}

/// All completions that are there, in order of their ids.
fn taken(model: &Model) -> Vec<(u64, Outcome)> {
    let mut all = Vec::new();
    model.pool.completions().poll(8, |completion| all.push((completion.id, completion.outcome)));
    all.sort_unstable_by_key(|(id, _)| *id);
    all
}

#[test]
fn two_who_queue_for_one_slot_are_both_answered() {
    check(2, || {
        let model = Model::new(1);
        let other = Arc::clone(&model);
        let other = spawn(move || submit(&other, WhenBusy::Queue).unwrap());
        let server = serve(&model, ALL, 2);
        submit(&model, WhenBusy::Queue).unwrap();
        other.join().unwrap();
        server.join().unwrap();
        assert_eq!(taken(&model), [(1, Outcome::Ok), (2, Outcome::Ok)]);
        assert_eq!((model.counts().idle, model.counts().waiting), (1, 0));
        close(&model);
    });
}

/// The second request is never answered: only the cancel can end it, in the queue, on its way to
/// the slot, or there.
#[test]
fn a_cancel_finds_a_request_on_its_way_from_the_line_to_the_slot() {
    check(3, || {
        let model = Model::new(1);
        submit(&model, WhenBusy::Queue).unwrap();
        let waiting = submit(&model, WhenBusy::Queue).unwrap();
        let server = serve(&model, 1, 2);
        assert_eq!(model.pool.cancel(waiting), Ok(()));
        server.join().unwrap();
        assert_eq!(taken(&model), [(1, Outcome::Ok), (2, Outcome::Cancelled)]);
        assert_eq!((model.counts().idle, model.counts().waiting), (1, 0));
        close(&model);
    });
}

#[test]
fn a_cancel_at_any_time_leaves_one_completion() {
    check(2, || {
        let model = Model::new(1);
        let other = Arc::clone(&model);
        let other = spawn(move || submit(&other, WhenBusy::Queue).unwrap());
        let server = serve(&model, ALL, 2);
        let mine = submit(&model, WhenBusy::Queue).unwrap();
        let cancelled = model.pool.cancel(mine);
        other.join().unwrap();
        server.join().unwrap();
        let taken = taken(&model);
        assert_eq!(taken.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [1, 2]);
        let outcome = taken.iter().find(|(id, _)| *id == mine).unwrap().1;
        assert!(outcome == Outcome::Ok || cancelled == Ok(()));
        close(&model);
    });
}

/// Of a callback request that is cancelled in the queue while the pool ends.
#[test]
fn a_callback_that_is_handed_over_is_called_once_and_by_the_pools_own_thread() {
    check(2, || {
        let model = Model::new(1);
        submit(&model, WhenBusy::Queue).unwrap();
        let calls = Arc::new(AtomicUsize::new(0));
        let (count, pool) = (Arc::clone(&calls), Arc::downgrade(&model.pool));
        let callback: Callback = Arc::new(move |_| {
            assert!(pool.upgrade().unwrap().is_delivering());
            count.fetch_add(1, Ordering::Relaxed);
        });
        let waiting = submit_with(&model, WhenBusy::Queue, Some(callback), 0).unwrap();
        let server = serve_to_the_end(&model, 0);
        let closer = Arc::clone(&model);
        let closer = spawn(move || closer.pool.shutdown(Duration::ZERO));
        let _ = model.pool.cancel(waiting);
        closer.join().unwrap();
        server.join().unwrap();
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        assert_eq!(taken(&model).len(), 1);
    });
}

#[test]
fn a_callback_cancelled_in_the_queue_is_called_without_waiting_for_anything_else() {
    check(3, || {
        let model = Model::new(1);
        submit(&model, WhenBusy::Queue).unwrap();
        let callback: Callback = Arc::new(|completion| {
            assert_eq!(completion.outcome, Outcome::Cancelled);
        });
        let waiting = submit_with(&model, WhenBusy::Queue, Some(callback), 0).unwrap();
        let server = serve(&model, 0, 1);
        assert_eq!(model.pool.cancel(waiting), Ok(()));
        server.join().unwrap();
        close(&model);
    });
}

#[test]
fn a_pool_that_closes_ends_each_accepted_request_once() {
    check(2, || {
        let model = Model::new(1);
        let server = serve_to_the_end(&model, ALL);
        let closer = Arc::clone(&model);
        let closer = spawn(move || closer.pool.shutdown(Duration::ZERO));
        let accepted: Vec<u64> =
            (0..2).filter_map(|_| submit(&model, WhenBusy::Queue).ok()).collect();
        closer.join().unwrap();
        server.join().unwrap();
        let ended: Vec<u64> = taken(&model).iter().map(|(id, _)| *id).collect();
        assert_eq!(ended, accepted);
        assert!(model.pool.completions().is_drained());
    });
}

/// The lease is given back by a thread that then sends for who waits, while the pool ends.
#[test]
fn a_pool_that_closes_waits_for_whoever_carries_out_a_grant() {
    check(3, || {
        let model = Model::new(1);
        let lease = model.pool.try_acquire().unwrap();
        let waiting = submit(&model, WhenBusy::Queue).unwrap();
        let server = serve_to_the_end(&model, 0);
        let releaser = Arc::clone(&model);
        let releaser = spawn(move || releaser.pool.release(lease).unwrap());
        model.pool.shutdown(Duration::ZERO);
        server.join().unwrap();
        assert_eq!(taken(&model), [(waiting, Outcome::Shutdown)]);
        assert!(model.pool.completions().is_drained(), "the end is told after it");
        releaser.join().unwrap();
    });
}

#[test]
fn whoever_sleeps_for_a_lease_is_given_it_or_dismissed() {
    check(3, || {
        let model = Model::new(1);
        let lease = model.pool.try_acquire().unwrap();
        let sleeper = Arc::clone(&model);
        let sleeper = spawn(move || sleeper.pool.acquire(Duration::MAX));
        model.pool.release(lease).unwrap();
        let given = sleeper.join().unwrap().unwrap();
        let sleeper = Arc::clone(&model);
        let sleeper = spawn(move || sleeper.pool.acquire(Duration::MAX));
        model.pool.shutdown(Duration::ZERO);
        model.end();
        assert_eq!(sleeper.join().unwrap(), Err(Status::ERR_CLOSED));
        model.pool.release(given).unwrap();
    });
}

/// Sends on a leased slot, where a heartbeat may be in flight.
fn submit_leased(model: &Model, lease: Lease) -> u64 {
    let mut request = Request::new(Arc::clone(model.pool.origin()));
    request.begin(b"GET", b"/").unwrap();
    let id = model.pool.submit_on(lease, &mut request, None).unwrap();
    model.sent();
    id
}

#[test]
fn a_leased_order_that_meets_a_heartbeat_is_sent_behind_it() {
    check(4, || {
        let model = Model::new(1);
        let lease = model.pool.try_acquire().unwrap();
        model.beat(0);
        let server = serve(&model, ALL, 1);
        let id = submit_leased(&model, lease);
        let releaser = Arc::clone(&model);
        let releaser = spawn(move || {
            releaser.pool.release(lease).unwrap();
            // It may have sent the order.
            releaser.sent();
        });
        server.join().unwrap();
        releaser.join().unwrap();
        assert_eq!(taken(&model), [(id, Outcome::Ok)]);
        assert_eq!((model.counts().idle, model.counts().in_use), (1, 0));
        close(&model);
    });
}

/// The heartbeat is answered, and the order is not: only the cancel can end it, behind the
/// heartbeat, on its way to the wire, or there.
#[test]
fn a_cancel_finds_a_leased_order_wherever_it_is() {
    check(4, || {
        let model = Model::new(1);
        let lease = model.pool.try_acquire().unwrap();
        model.beat(0);
        let server = serve(&model, 1, 1);
        let id = submit_leased(&model, lease);
        assert_eq!(model.pool.cancel(id), Ok(()));
        server.join().unwrap();
        assert_eq!(taken(&model), [(id, Outcome::Cancelled)]);
        model.pool.release(lease).unwrap();
        close(&model);
    });
}

#[test]
fn a_late_loss_does_not_hide_a_healed_slot() {
    check(3, || {
        let model = Model::new(1);
        model.hang_up(0);
        let server = Arc::clone(&model);
        let server = spawn(move || {
            server.serve(ALL, |pool| {
                let stats = pool.stats();
                let (accepted, refused) = (stats.submitted.get(), stats.refused.get());
                accepted + refused == 1 && stats.answered.get() == accepted
            });
        });
        let _ = submit(&model, WhenBusy::Refuse);
        server.join().unwrap();
        let counts = model.counts();
        assert_eq!((counts.live, counts.idle, counts.in_use), (1, 1, 0));
        close(&model);
    });
}

#[test]
fn the_alarm_never_sleeps_past_a_deadline_that_was_noted() {
    check(2, || {
        let model = Model::new(1);
        let is_over = Arc::new(loom::sync::atomic::AtomicBool::new(false));
        let (server, is_told) = (Arc::clone(&model), Arc::clone(&is_over));
        let server = spawn(move || server.serve(0, |_| is_told.load(Ordering::Acquire)));
        let other = Arc::clone(&model);
        let other = spawn(move || submit_with(&other, WhenBusy::Queue, None, 20_000_000).unwrap());
        submit_with(&model, WhenBusy::Queue, None, 10_000_000).unwrap();
        other.join().unwrap();
        is_over.store(true, Ordering::Release);
        model.sent();
        let armed = server.join().unwrap();
        assert!(armed <= model.next_deadline().unwrap(), "somebody ends too late");
        close(&model);
    });
}

#[test]
fn no_request_enters_the_queue_of_a_suspended_pool() {
    check(3, || {
        let model = Model::new(1);
        submit(&model, WhenBusy::Queue).unwrap();
        let other = Arc::clone(&model);
        let other = spawn(move || submit(&other, WhenBusy::Queue));
        model.pool.suspend(1_000_000_000);
        let queued = other.join().unwrap();
        assert_eq!(model.counts().waiting, 0);
        match queued {
            Ok(id) => assert_eq!(taken(&model), [(id, Outcome::Suspended)]),
            Err(status) => assert_eq!(status, Status::ERR_SUSPENDED),
        }
        close(&model);
    });
}

#[test]
fn no_request_enters_the_queue_of_a_drained_pool() {
    check(3, || {
        let model = Model::new(1);
        submit(&model, WhenBusy::Queue).unwrap();
        let other = Arc::clone(&model);
        let other = spawn(move || submit(&other, WhenBusy::Queue));
        model.pool.drain(LaneSet::NONE).unwrap();
        let queued = other.join().unwrap();
        assert_eq!((model.counts().waiting, model.counts().outstanding()), (0, 1));
        match queued {
            Ok(id) => assert_eq!(taken(&model), [(id, Outcome::Draining)]),
            Err(status) => assert_eq!(status, Status::ERR_DRAINING),
        }
        let late = submit(&model, WhenBusy::Queue);
        assert_eq!(late, Err(Status::ERR_DRAINING), "the drain has returned");
        close(&model);
    });
}

/// The first is answered, so its slot is freed while the drain empties the queue.
#[test]
fn a_queued_request_has_one_end_when_a_slot_is_freed_in_a_drain() {
    check(3, || {
        let model = Model::new(1);
        (0..2).for_each(|_| assert!(submit(&model, WhenBusy::Queue).is_ok()));
        let server = serve(&model, ALL, 2);
        assert_eq!(model.pool.drain(LaneSet::NONE), Ok(()));
        // Either it ended by the drain, or it is on its way to the slot, or was sent.
        assert_eq!(model.counts().waiting, 0);
        server.join().unwrap();
        let ended = taken(&model);
        let was_sent = ended == [(1, Outcome::Ok), (2, Outcome::Ok)];
        assert!(was_sent || ended == [(1, Outcome::Ok), (2, Outcome::Draining)], "{ended:?}");
        assert_eq!((model.counts().idle, model.counts().outstanding()), (1, 0));
        close(&model);
    });
}

/// Whoever begins the pause has the line in hand while the pool ends.
#[test]
fn a_pool_that_closes_waits_for_whoever_tells_a_pause_to_the_line() {
    check(3, || {
        let model = Model::new(1);
        let _lease = model.pool.try_acquire().unwrap();
        let waiting = submit(&model, WhenBusy::Queue).unwrap();
        let server = serve_to_the_end(&model, 0);
        let pauser = Arc::clone(&model);
        let pauser = spawn(move || pauser.pool.suspend(1_000_000_000));
        model.pool.shutdown(Duration::ZERO);
        server.join().unwrap();
        let ended = taken(&model);
        let is_one_of = |outcome| ended == [(waiting, outcome)];
        assert!(is_one_of(Outcome::Shutdown) || is_one_of(Outcome::Suspended), "{ended:?}");
        assert!(model.pool.completions().is_drained(), "the end is told after it");
        pauser.join().unwrap();
    });
}

/// Sends an order on two connections at once.
fn submit_copies(model: &Model) -> u64 {
    let mut request = Request::new(Arc::clone(model.pool.origin()));
    request.begin(b"GET", b"/").unwrap();
    let rules = FanoutRules { copies: 2, hedge_after_ns: 0, completes: Completes::First };
    let id = model.pool.submit_fanout(&mut request, None, WhenBusy::Refuse, rules);
    model.sent();
    id.unwrap()
}

/// The first copy may be answered before the second one is sent.
#[test]
fn an_order_on_two_connections_has_one_completion() {
    check(2, || {
        let model = Model::new(2);
        let server = serve(&model, ALL, 1);
        let id = submit_copies(&model);
        server.join().unwrap();
        assert_eq!(taken(&model), [(id, Outcome::Ok)]);
        close(&model);
        assert_eq!(taken(&model), []);
    });
}

/// One of the copies is answered, or none is, before the cancel.
#[test]
fn a_cancel_ends_both_copies_of_an_order() {
    check(2, || {
        let model = Model::new(2);
        let server = serve(&model, 1, 1);
        let id = submit_copies(&model);
        let cancelled = model.pool.cancel(id);
        server.join().unwrap();
        let taken = taken(&model);
        assert_eq!(taken.iter().map(|one| one.0).collect::<Vec<_>>(), [id]);
        assert!(taken[0].1 == Outcome::Ok || cancelled == Ok(()));
        close(&model);
    });
}
