//! When to ping, whether the pong came in time, and how long it took.
//!
//! Policy only: it is told what happens and when, and answers what is to be done. It knows no
//! socket, clock or frame. A pong is matched by its payload, a number that counts the pings, so a
//! pong that was not asked for (RFC 6455 section 5.5.3) proves nothing.
//!
//! What lies in the socket has come in time, however late it is read. So a peer is silent only up
//! to the moment when the socket was last found empty.

/// The payload of a ping: its number, big-endian.
pub type PingPayload = [u8; 8];

/// The settings, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeepAliveSettings {
    /// A ping is sent so long after the last one; `None`: none is sent.
    pub interval_ns: Option<u64>,
    /// A pong must come within so long.
    pub deadline_ns: u64,
    /// A connection on which nothing was received for so long is given up; `None`: it is not.
    pub idle_ns: Option<u64>,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing, until that time or until something happens; `None`: for ever. A time that has
    /// passed: read the socket, and tell [`KeepAlive::on_empty`] at its end.
    Wait(Option<u64>),
    /// Send a ping with this payload, and tell [`KeepAlive::on_ping_sent`].
    Ping(PingPayload),
    /// End the connection, and why.
    GiveUp(Silence),
}

/// In what way a peer is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// It did not answer a ping in time.
    NoPong,
    /// It sent nothing for as long as the idle limit.
    Idle,
}

/// The keep-alive of one connection.
#[derive(Clone, Copy, Debug)]
pub struct KeepAlive {
    settings: KeepAliveSettings,
    /// How many pings were sent.
    pings: u64,
    /// When the last ping was sent, or the connection opened.
    pinged_ns: u64,
    /// The last ping is not answered yet.
    awaits_pong: bool,
    /// When something was received last, or the connection opened.
    heard_ns: u64,
    /// When the socket was found empty last, or the connection opened.
    empty_ns: u64,
    rtt_ns: Option<u64>,
}

impl KeepAlive {
    /// The keep-alive of a connection that opens now.
    pub const fn new(settings: KeepAliveSettings, now_ns: u64) -> Self {
        Self {
            settings,
            pings: 0,
            pinged_ns: now_ns,
            awaits_pong: false,
            heard_ns: now_ns,
            empty_ns: now_ns,
            rtt_ns: None,
        }
    }

    /// Something was received.
    pub const fn on_bytes(&mut self, now_ns: u64) {
        self.heard_ns = now_ns;
    }

    /// The socket was found empty.
    pub const fn on_empty(&mut self, now_ns: u64) {
        self.empty_ns = now_ns;
    }

    /// The ping that was asked for is sent.
    pub const fn on_ping_sent(&mut self, now_ns: u64) {
        self.pings += 1;
        self.pinged_ns = now_ns;
        self.awaits_pong = true;
    }

    /// A pong has come. Answers the round-trip time, if it is the one that was awaited.
    pub fn on_pong(&mut self, payload: &[u8], now_ns: u64) -> Option<u64> {
        if !self.awaits_pong || *payload != self.pings.to_be_bytes() {
            return None;
        }
        self.awaits_pong = false;
        self.rtt_ns = Some(now_ns.saturating_sub(self.pinged_ns));
        self.rtt_ns
    }

    /// A message has come that answers a ping, which may be sent as a message, too. It carries no
    /// number, and one ping is out at a time: so it answers that one. Answers as
    /// [`KeepAlive::on_pong`].
    pub fn on_pong_message(&mut self, now_ns: u64) -> Option<u64> {
        self.on_pong(&self.pings.to_be_bytes(), now_ns)
    }

    /// The last round-trip time, in nanoseconds.
    pub const fn rtt_ns(&self) -> Option<u64> {
        self.rtt_ns
    }

    /// What is to be done now. One ping is out at a time: while its pong is awaited, the next one
    /// waits, however short the interval is.
    pub fn action(&self, now_ns: u64) -> Action {
        let idle_ns = self.settings.idle_ns.map(|idle_ns| self.heard_ns.saturating_add(idle_ns));
        if idle_ns.is_some_and(|idle_ns| self.empty_ns >= idle_ns) {
            return Action::GiveUp(Silence::Idle);
        }
        let ping_ns = if self.awaits_pong {
            let deadline_ns = self.pinged_ns.saturating_add(self.settings.deadline_ns);
            if self.empty_ns >= deadline_ns {
                return Action::GiveUp(Silence::NoPong);
            }
            Some(deadline_ns)
        } else {
            let due_ns = self.settings.interval_ns.map(|ns| self.pinged_ns.saturating_add(ns));
            if due_ns.is_some_and(|due_ns| now_ns >= due_ns) {
                return Action::Ping((self.pings + 1).to_be_bytes());
            }
            due_ns
        };
        Action::Wait(idle_ns.into_iter().chain(ping_ns).min())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: KeepAliveSettings =
        KeepAliveSettings { interval_ns: Some(100), deadline_ns: 30, idle_ns: None };

    #[test]
    fn a_ping_is_due_after_the_interval_and_its_pong_tells_the_time() {
        let mut alive = KeepAlive::new(SETTINGS, 1000);
        assert_eq!(alive.action(1000), Action::Wait(Some(1100)));
        assert_eq!(alive.action(1099), Action::Wait(Some(1100)));
        assert_eq!(alive.action(1100), Action::Ping(1_u64.to_be_bytes()));
        alive.on_ping_sent(1105);
        assert_eq!(alive.action(1105), Action::Wait(Some(1135)));
        assert_eq!(alive.on_pong(&1_u64.to_be_bytes(), 1120), Some(15));
        assert_eq!(alive.rtt_ns(), Some(15));
        assert_eq!(alive.action(1134), Action::Wait(Some(1205)));
        assert_eq!(alive.action(1205), Action::Ping(2_u64.to_be_bytes()));
    }

    #[test]
    fn a_pong_that_is_late_or_of_another_ping_does_not_count() {
        let mut alive = KeepAlive::new(SETTINGS, 0);
        assert_eq!(alive.on_pong(&0_u64.to_be_bytes(), 1), None, "no ping was sent");
        alive.on_ping_sent(100);
        for other in [&b""[..], &0_u64.to_be_bytes(), &2_u64.to_be_bytes(), &[0; 9]] {
            assert_eq!(alive.on_pong(other, 110), None);
        }
        assert_eq!(alive.action(129), Action::Wait(Some(130)));
        assert_eq!(alive.action(200), Action::Wait(Some(130)), "the socket is to be read first");
        alive.on_empty(130);
        assert_eq!(alive.action(130), Action::GiveUp(Silence::NoPong));
        assert_eq!((alive.rtt_ns(), alive.on_pong(&1_u64.to_be_bytes(), 131)), (None, Some(31)));
        assert_eq!(alive.on_pong(&1_u64.to_be_bytes(), 132), None, "it came twice");
    }

    #[test]
    fn one_ping_at_a_time() {
        let settings = KeepAliveSettings { deadline_ns: 1000, ..SETTINGS };
        let mut alive = KeepAlive::new(settings, 0);
        alive.on_ping_sent(100);
        assert_eq!(alive.action(500), Action::Wait(Some(1100)));
        alive.on_pong(&1_u64.to_be_bytes(), 500);
        assert_eq!(alive.action(500), Action::Ping(2_u64.to_be_bytes()));
    }

    #[test]
    fn a_silent_connection_is_given_up() {
        let settings = KeepAliveSettings { interval_ns: None, deadline_ns: 0, idle_ns: Some(50) };
        let mut alive = KeepAlive::new(settings, 0);
        assert_eq!(alive.action(49), Action::Wait(Some(50)));
        alive.on_bytes(49);
        alive.on_empty(50);
        assert_eq!(alive.action(50), Action::Wait(Some(99)));
        assert_eq!(alive.action(120), Action::Wait(Some(99)), "the socket is to be read first");
        alive.on_empty(99);
        assert_eq!(alive.action(99), Action::GiveUp(Silence::Idle));
        let both = KeepAliveSettings { idle_ns: Some(110), ..SETTINGS };
        let mut alive = KeepAlive::new(both, 0);
        assert_eq!(alive.action(0), Action::Wait(Some(100)));
        alive.on_ping_sent(100);
        assert_eq!(alive.action(100), Action::Wait(Some(110)));
        alive.on_empty(110);
        assert_eq!(alive.action(110), Action::GiveUp(Silence::Idle));
    }

    #[test]
    fn nothing_is_watched_unless_it_is_set() {
        let alive = KeepAlive::new(KeepAliveSettings::default(), 0);
        assert_eq!(alive.action(u64::MAX), Action::Wait(None));
    }
}
