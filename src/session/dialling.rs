//! A dial of a session: look-up, connect, handshakes, and the upgrade.
//!
//! All of it runs on the dial thread, so whoever drives the session waits for none of it. It knows
//! no session: what it needs is given to it, and it gives a connection or a reason.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::upgrade::{Asks, Refused, Switched, undialled};
use crate::net::connect::DialError;
use crate::net::connection::Connection;
use crate::net::dial_thread::{DialThread, Dialling};
use crate::net::watch::watch;
use crate::net::ways::Ways;
use crate::pool::dial_limit::Purpose;
use crate::threads::host_dials::HostDials;
use crate::ws::message::Receiver;
use crate::ws::settings::ReceiverSettings;

/// The receive buffer has so much room at first.
const CAPACITY: usize = 64 * 1024;

/// What a dial takes.
pub(super) struct Dials {
    pub(super) ways: Ways,
    /// On a shared thread: the session among the pools of its host.
    pub(super) host: Option<HostDials>,
    pub(super) asks: Asks,
}

/// A connection that was switched to WebSocket, and what has come on it.
pub(super) struct Dialled {
    pub(super) connection: Connection,
    pub(super) receiver: Receiver,
}

/// A dial under way. It ends when this is dropped.
pub(super) struct Dial(Dialling<Result<Dialled, Refused>>);

impl Future for Dial {
    type Output = Result<Dialled, Refused>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let ended = Pin::new(&mut self.0).poll(context);
        ended.map(|ended| ended.map_err(of_system("dial thread")).flatten())
    }
}

impl Dials {
    /// Begins a dial for a slot, when the limits of the host let it. Slots begin with different
    /// addresses, as the slots of a pool do.
    pub(super) fn begin(
        self: &Arc<Self>,
        slot: usize,
        purpose: Purpose,
        dial_thread: &DialThread,
    ) -> Dial {
        let its = Arc::clone(self);
        Dial(dial_thread.run(async move { its.dial(slot as u32, purpose).await }))
    }

    async fn dial(&self, slot: u32, purpose: Purpose) -> Result<Dialled, Refused> {
        let place = match &self.host {
            None => None,
            Some(host) => host.place(slot, purpose).await.map_err(undialled)?,
        };
        let dialled = self.ways.dial(slot).await;
        let mut connection = dialled.map_err(undialled)?.connection;
        place.into_iter().for_each(|place| connection.keep(Box::new(place)));
        let watch = watch(&connection).map_err(of_system("epoll"))?;
        let Switched { agreed, behind } = self.asks.ask(&mut connection, &watch).await?;
        let settings = &self.asks.settings;
        let settings = ReceiverSettings {
            limits: settings.limits,
            check_utf8: settings.check_utf8,
            deflate: agreed.deflate,
        };
        let mut receiver = Receiver::new(settings, CAPACITY);
        let no_memory = |_| of_system("memory")(io::ErrorKind::OutOfMemory.into());
        receiver.take_over(&behind).map_err(no_memory)?;
        Ok(Dialled { connection, receiver })
    }
}

/// What the system has refused.
pub(super) fn of_system(what: &'static str) -> impl FnOnce(io::Error) -> Refused {
    move |error| undialled(DialError::of_system(what)(error))
}
