//! What the Rust clients of the comparison share: the harness of ../../harness.hpp, for clients
//! whose requests are futures.
//!
//! It does not know how a request is sent: that is what [`Client`] says. All clients run on tokio's
//! single-threaded runtime, in the thread of their engine.

pub mod hyper_parts;
mod load;
mod options;
mod record;
mod request;
pub mod websocket;

use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::runtime::{Builder, LocalOptions};

pub use load::Client;
pub use options::Options;
pub use request::{Answer, COUNT_HEADER, DEFAULT_HEADERS, Request};

use load::Engine;
use record::{Record, Report, Usage, now_ns, rss_kib};

/// Ends the process, as the client or the venue is not fit for a comparison.
pub fn fail(what: &str) -> ! {
    eprintln!("bench: {what}");
    std::process::exit(1)
}

/// The certificate to trust.
pub fn ca(options: &Options) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(&options.ca).unwrap_or_else(|error| fail(&format!("{error}")))
}

/// TLS 1.3 only, and only the venue's own authority is trusted; none if that is not known.
pub fn tls_config(options: &Options) -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    if options.tls() {
        roots.add(ca(options)).unwrap_or_else(|error| fail(&format!("{error}")));
    }
    rustls::ClientConfig::builder_with_protocol_versions(&[&rustls::version::TLS13])
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// The main function of a client.
pub fn run<C: Client>() {
    rustls::crypto::aws_lc_rs::default_provider().install_default().expect("none is yet");
    let options = Options::parse();
    let rss_before = rss_kib();
    let each = Arc::new(Options {
        connections: options.connections / options.threads,
        depth: options.depth / options.threads,
        requests: options.requests / options.threads as u64,
        warm_up: options.warm_up / options.threads as u64,
        ..options.clone()
    });
    // All engines are open, have warmed up, have begun, are done.
    let barrier = Arc::new(Barrier::new(options.threads));
    let sum = Arc::new(Mutex::new(Record::default()));
    let mut rss_open = 0;
    let mut before = (Usage::now(), 0);
    let threads: Vec<_> = (1..options.threads)
        .map(|number| {
            let (each, barrier, sum) = (each.clone(), barrier.clone(), sum.clone());
            thread::spawn(move || engine::<C>(&each, number, &barrier, &sum, |_| {}))
        })
        .collect();
    let mut report = None;
    engine::<C>(&each, 0, &barrier, &sum, |step| match step {
        Step::Open => rss_open = rss_kib(),
        Step::Warm => before = (Usage::now(), now_ns()),
        Step::Done => {
            let elapsed_ns = now_ns() - before.1;
            let after = Usage::now();
            thread::sleep(Duration::from_secs(options.idle_seconds));
            report = Some((elapsed_ns, [before.0, after, Usage::now()]));
        }
    });
    for thread in threads {
        thread.join().unwrap_or_else(|_| fail("an engine panicked"));
    }
    let (elapsed_ns, usage) = report.expect("the engine is done");
    let record = std::mem::take(&mut *sum.lock().expect("nobody panics with it"));
    let report = Report { record, elapsed_ns, usage, rss_kib: [rss_before, rss_open] };
    report.print().unwrap_or_else(|error| fail(&format!("stdout: {error}")));
}

enum Step {
    Open,
    Warm,
    Done,
}

/// One engine with a client of its own; the steps are told when all engines have taken them.
fn engine<C: Client>(
    options: &Options,
    number: usize,
    barrier: &Barrier,
    sum: &Mutex<Record>,
    mut step: impl FnMut(Step),
) {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .unwrap_or_else(|error| fail(&format!("runtime: {error}")));
    runtime.block_on(async {
        let engine = Engine::<C>::open(options, number as u64).await;
        barrier.wait();
        step(Step::Open);
        engine.run(options.warm_up).await;
        barrier.wait();
        step(Step::Warm);
        barrier.wait();
        let mut record = engine.run(options.requests).await;
        barrier.wait();
        step(Step::Done);
        let mut sum = sum.lock().expect("nobody panics with it");
        sum.latency_ns.append(&mut record.latency_ns);
        sum.wire_ns.append(&mut record.wire_ns);
        sum.failed += record.failed;
    });
}
