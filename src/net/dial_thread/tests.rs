//! The life of the dial thread. It is the process's, so the tests take turns.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use super::*;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait<F: Future>(future: F) -> F::Output {
    Builder::new_current_thread().build().unwrap().block_on(future)
}

fn name_of_thread(thread: &DialThread) -> Option<String> {
    let name = || std::thread::current().name().map(str::to_owned);
    wait(thread.run(async move { name() })).unwrap()
}

/// Tells when it is dropped.
struct Tells(mpsc::Sender<()>);

impl Drop for Tells {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[test]
fn all_holders_share_one_thread() {
    let _alone = alone();
    let (first, second) = (DialThread::hold().unwrap(), DialThread::hold().unwrap());
    let id = |thread: &DialThread| wait(thread.run(async { std::thread::current().id() })).unwrap();
    assert_eq!(id(&first), id(&second));
    assert_ne!(id(&first), std::thread::current().id());
    let before = id(&first);
    drop(first);
    assert_eq!(id(&second), before);
    assert_eq!(name_of_thread(&second).as_deref(), Some(NAME));
}

#[test]
fn nothing_of_a_holder_is_left_when_it_lets_go() {
    let _alone = alone();
    let (keeps, thread) = (DialThread::hold().unwrap(), DialThread::hold().unwrap());
    let (tell, told) = mpsc::channel();
    let (begin, begun) = mpsc::channel();
    let dialling = thread.run(async move {
        let _tells = Tells(tell);
        begin.send(()).unwrap();
        pending::<()>().await;
    });
    begun.recv().unwrap();
    drop(dialling);
    drop(thread);
    assert_eq!(told.try_recv(), Ok(()));
    drop(keeps);
}

#[test]
fn a_result_that_was_not_taken_is_dropped_first() {
    let _alone = alone();
    let _keeps = DialThread::hold().unwrap();
    for _ in 0..1_000 {
        let thread = DialThread::hold().unwrap();
        let (tell, told) = mpsc::channel();
        let tells = Tells(tell);
        drop(thread.run(async move { tells }));
        drop(thread);
        assert_eq!(told.try_recv(), Ok(()));
    }
}

#[test]
fn a_panic_is_the_waiters_and_the_thread_goes_on() {
    let _alone = alone();
    let thread = DialThread::hold().unwrap();
    let dialling = thread.run(async { panic!("a defect, on purpose") });
    let waits = std::panic::AssertUnwindSafe(|| wait(dialling));
    let caught: Result<io::Result<()>, _> = std::panic::catch_unwind(waits);
    assert!(caught.is_err());
    assert_eq!(wait(thread.run(async { 1 })).unwrap(), 1);
}

#[test]
fn holders_that_come_while_the_last_one_goes_have_a_thread() {
    let _alone = alone();
    let done = Arc::new(AtomicUsize::new(0));
    let hold_often = |done: Arc<AtomicUsize>| {
        for _ in 0..300 {
            let thread = DialThread::hold().unwrap();
            wait(thread.run(async {})).unwrap();
            done.fetch_add(1, Ordering::Relaxed);
        }
    };
    let threads = [(); 3].map(|()| {
        let done = Arc::clone(&done);
        std::thread::spawn(move || hold_often(done))
    });
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(done.load(Ordering::Relaxed), 900);
}
