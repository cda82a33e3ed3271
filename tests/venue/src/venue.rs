//! The handle of a running venue.

use crate::accept::{self, Command};
use crate::certs::{CertificateKind, Certificates};
use crate::fault::Fault;
use crate::ledger::Stats;
use crate::options::{How, Options, Transport};
use crate::state::State;
use crate::tls;
use socket2::Socket;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use tokio::sync::mpsc::UnboundedSender;

/// A mock exchange that serves until it is dropped.
///
/// It runs on a thread of its own; every method blocks until what it says is done.
pub struct Venue {
    state: Arc<State>,
    certificates: Certificates,
    transport: Transport,
    client_certificates: bool,
    address: SocketAddr,
    /// Keeps the port while nobody listens on it, so that a restart finds it free.
    _reservation: Socket,
    listening: Mutex<Listening>,
    // Dropping the sender ends the thread, which is joined after that.
    commands: Option<UnboundedSender<Command>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Listening {
    stopped: bool,
    open: bool,
}

impl Venue {
    /// Starts a venue; when this returns, it is listening.
    pub fn start(options: Options) -> io::Result<Self> {
        let certificates = Certificates::new()?;
        let credential = certificates.issue(options.certificate)?;
        if let Some(folder) = &options.cert_dir {
            certificates.write_with(folder, &credential)?;
        }
        let (transport, client_certificates) = (options.transport, options.client_certificates);
        let tls = tls::server_config(transport, &certificates, credential, client_certificates)?;
        let state = Arc::new(State::new(options.signing_key, options.chunked, tls));
        let reservation = accept::reserve(options.listen)?;
        let address = reservation.local_addr()?.as_socket().unwrap_or(options.listen);
        let (commands, thread) = accept::spawn(Arc::clone(&state))?;
        let venue = Self {
            state,
            certificates,
            transport,
            client_certificates,
            address,
            _reservation: reservation,
            listening: Mutex::default(),
            commands: Some(commands),
            thread: Some(thread),
        };
        for fault in options.faults {
            venue.state.faults.add(fault);
        }
        venue.update_listener()?;
        Ok(venue)
    }

    /// Where the venue is, such as `https://localhost:40123`.
    #[must_use]
    pub fn url(&self) -> String {
        self.transport.url(self.address)
    }

    /// The address of its socket.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The CA certificate that a client has to trust, in PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        self.certificates.ca_pem()
    }

    /// A certificate and key that a client can show, in PEM.
    #[must_use]
    pub fn client_pem(&self) -> &str {
        self.certificates.client_pem()
    }

    /// What the venue has seen so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.state.stats()
    }

    /// How many orders have come with this client order id.
    #[must_use]
    pub fn orders_with_id(&self, id: &str) -> u64 {
        self.state.ledger().times(id)
    }

    /// Adds a fault to those that are set.
    pub fn set_fault(&self, fault: Fault) -> io::Result<()> {
        self.state.faults.add(fault);
        self.state.recheck_faults();
        self.update_listener()
    }

    /// Takes all faults back.
    pub fn clear_faults(&self) -> io::Result<()> {
        self.state.faults.clear();
        self.update_listener()
    }

    /// Ends all open connections and returns how many these were.
    pub fn kill_connections(&self, how: How) -> usize {
        self.state.end_connections(how, usize::MAX)
    }

    /// Ends the oldest open connection and returns whether there was one.
    pub fn kill_one(&self, how: How) -> bool {
        self.kill_some(how, 1) == 1
    }

    /// Ends the `count` oldest connections, or as many as there are, and returns how many.
    pub fn kill_some(&self, how: How, count: usize) -> usize {
        self.state.end_connections(how, count)
    }

    /// Later handshakes show a new certificate of this kind. Sessions from before cannot be
    /// resumed. Without TLS this does nothing.
    pub fn set_certificate(&self, kind: CertificateKind) -> io::Result<()> {
        let credential = self.certificates.issue(kind)?;
        let (transport, clients) = (self.transport, self.client_certificates);
        let tls = tls::server_config(transport, &self.certificates, credential, clients)?;
        self.state.set_tls(tls);
        Ok(())
    }

    /// Closes the listener, then all connections. New ones are refused until a restart.
    pub fn stop(&self, how: How) -> io::Result<()> {
        self.listening().stopped = true;
        self.update_listener()?;
        self.kill_connections(how);
        Ok(())
    }

    /// Listens again on the same address after a [`stop`](Venue::stop); a venue that has not been
    /// stopped is, with RST for its connections.
    pub fn restart(&self) -> io::Result<()> {
        self.stop(How::Rst)?;
        self.listening().stopped = false;
        self.update_listener()
    }

    /// Listens exactly when neither a stop nor a fault forbids it.
    fn update_listener(&self) -> io::Result<()> {
        let mut listening = self.listening();
        let wanted = !listening.stopped && !self.state.faults.refuses_connections();
        if wanted && !listening.open {
            let socket = accept::listen(self.address)?;
            self.command(|done| Command::Listen(socket, done))?;
        } else if !wanted && listening.open {
            self.command(Command::Close)?;
        }
        listening.open = wanted;
        Ok(())
    }

    fn command(
        &self,
        command: impl FnOnce(mpsc::Sender<io::Result<()>>) -> Command,
    ) -> io::Result<()> {
        let gone = || io::Error::other("the thread of the venue is gone");
        let (done, answer) = mpsc::channel();
        let commands = self.commands.as_ref().ok_or_else(gone)?;
        commands.send(command(done)).map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())?
    }

    fn listening(&self) -> MutexGuard<'_, Listening> {
        self.listening.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Venue {
    fn drop(&mut self) {
        // Stopping only fails when the thread is gone, and then there is nothing to stop.
        let _ = self.stop(How::Fin);
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
