//! What the kernel knows of the fate of a request.
//!
//! `TCP_INFO` (tcp(7)) counts the bytes that the peer's TCP has acknowledged, and those that were
//! never put on the wire. That is evidence, not proof of execution: acknowledged bytes reached the
//! peer's kernel, and what its program did with them cannot be known here. Linux only.

use std::io;
use std::net::TcpStream;
use std::os::fd::AsRawFd;

/// The counts of a connection since it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Bytes that the peer has acknowledged; the SYN counts as one.
    pub acked: u64,
    /// Bytes in the send queue that were never sent.
    pub not_sent: u64,
    /// Bytes in the send queue, sent or not, that are not acknowledged.
    pub queued: u64,
}

/// What became of the bytes of one request, as far as the kernel took them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The peer's TCP has them.
    pub bytes_acked: u64,
    /// They never left this machine.
    pub bytes_unsent: u64,
}

/// Where the counts stand in `struct tcp_info` of linux/tcp.h, whose layout is ABI: fields are only
/// ever added at its end, and the kernel says how much of it there is.
const BYTES_ACKED: std::ops::Range<usize> = 120..128;
const NOTSENT_BYTES: std::ops::Range<usize> = 144..148;
/// In microseconds, as `MIN_RTT`.
const RTT: std::ops::Range<usize> = 68..72;
const MIN_RTT: std::ops::Range<usize> = 148..152;

/// Asks the kernel. `None` where it does not know.
#[cfg(target_os = "linux")]
pub fn counts(stream: &TcpStream) -> Option<Counts> {
    // Two questions, between which an acknowledgement may arrive: then they are asked again.
    let mut queued = unacknowledged(stream)?;
    for _ in 0..TRIES {
        let (acked, not_sent) = acked_and_not_sent(stream)?;
        let still_queued = unacknowledged(stream)?;
        if still_queued == queued {
            return Some(Counts { acked, not_sent, queued });
        }
        queued = still_queued;
    }
    None
}

/// How often the kernel is asked while acknowledgements arrive.
const TRIES: u32 = 8;

/// `tcpi_bytes_acked` and `tcpi_notsent_bytes`.
#[cfg(target_os = "linux")]
fn acked_and_not_sent(stream: &TcpStream) -> Option<(u64, u64)> {
    let info = tcp_info(stream, NOTSENT_BYTES.end)?;
    let acked = u64::from_ne_bytes(info[BYTES_ACKED].try_into().ok()?);
    let not_sent = u32::from_ne_bytes(info[NOTSENT_BYTES].try_into().ok()?);
    Some((acked, not_sent.into()))
}

/// The round trip of a connection, as the kernel has measured it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundTrip {
    /// `tcpi_rtt`, which the kernel smooths (RFC 6298), in nanoseconds.
    pub smoothed_ns: u64,
    /// `tcpi_min_rtt`, the shortest one, in nanoseconds. Linux raises it in time (sysctl
    /// tcp_min_rtt_wlen), but not by lone small packets, whose acknowledgement may be delayed.
    pub min_ns: u64,
}

/// Asks the kernel for the round trip. `None` where it does not know, and before any was measured.
#[cfg(target_os = "linux")]
pub fn round_trip(stream: &TcpStream) -> Option<RoundTrip> {
    let info = tcp_info(stream, MIN_RTT.end)?;
    let smoothed_us = u32::from_ne_bytes(info[RTT].try_into().ok()?);
    let min_us = u32::from_ne_bytes(info[MIN_RTT].try_into().ok()?);
    // The kernel's minimum begins as the largest number.
    let is_known = smoothed_us != 0 && min_us != u32::MAX;
    let ns = |us: u32| u64::from(us) * 1_000;
    is_known.then(|| RoundTrip { smoothed_ns: ns(smoothed_us), min_ns: ns(min_us.max(1)) })
}

/// Asks no kernel: there is nothing to know.
#[cfg(not(target_os = "linux"))]
pub fn round_trip(_: &TcpStream) -> Option<RoundTrip> {
    None
}

/// What the kernel knows of a connection: the part of `struct tcp_info` that tells how it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpInfo {
    /// `tcpi_state`, the number of linux/tcp_states.h.
    pub state: u8,
    /// `tcpi_retransmits`: of the segment that is sent again now, how often it was.
    pub retransmits: u8,
    /// `tcpi_rto`, in microseconds.
    pub rto_us: u32,
    /// `tcpi_unacked`: segments that were sent and are not acknowledged.
    pub unacked: u32,
    /// `tcpi_lost`: segments that the kernel takes for lost.
    pub lost: u32,
    /// `tcpi_last_data_sent`, in milliseconds before now.
    pub last_data_sent_ms: u32,
    /// `tcpi_last_data_recv`, in milliseconds before now.
    pub last_data_received_ms: u32,
    /// `tcpi_last_ack_recv`, in milliseconds before now.
    pub last_ack_received_ms: u32,
    /// `tcpi_rtt`, in microseconds.
    pub rtt_us: u32,
    /// `tcpi_rttvar`, in microseconds.
    pub rttvar_us: u32,
    /// `tcpi_total_retrans`: segments that were sent again, ever.
    pub total_retrans: u32,
    /// `tcpi_bytes_acked`, ever; the SYN counts as one.
    pub bytes_acked: u64,
    /// `tcpi_bytes_received`, ever.
    pub bytes_received: u64,
    /// `tcpi_notsent_bytes`: bytes in the send queue that were never sent.
    pub bytes_not_sent: u32,
}

/// The states of TCP in the order of their numbers in linux/tcp_states.h.
const STATES: [&str; 13] = [
    "",
    "ESTABLISHED",
    "SYN_SENT",
    "SYN_RECV",
    "FIN_WAIT1",
    "FIN_WAIT2",
    "TIME_WAIT",
    "CLOSE",
    "CLOSE_WAIT",
    "LAST_ACK",
    "LISTEN",
    "CLOSING",
    "NEW_SYN_RECV",
];

impl TcpInfo {
    /// Asks the kernel. `None` where it does not know.
    #[cfg(target_os = "linux")]
    pub fn of(stream: &TcpStream) -> Option<Self> {
        let info = tcp_info(stream, NOTSENT_BYTES.end)?;
        let u32_at = |at: usize| u32::from_ne_bytes([0, 1, 2, 3].map(|byte| info[at + byte]));
        let u64_at =
            |at: usize| u64::from_ne_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|byte| info[at + byte]));
        Some(Self {
            state: info[0],
            retransmits: info[2],
            rto_us: u32_at(8),
            unacked: u32_at(24),
            lost: u32_at(32),
            last_data_sent_ms: u32_at(44),
            last_data_received_ms: u32_at(52),
            last_ack_received_ms: u32_at(56),
            rtt_us: u32_at(RTT.start),
            rttvar_us: u32_at(72),
            total_retrans: u32_at(100),
            bytes_acked: u64_at(BYTES_ACKED.start),
            bytes_received: u64_at(128),
            bytes_not_sent: u32_at(NOTSENT_BYTES.start),
        })
    }

    /// Asks no kernel: there is nothing to know.
    #[cfg(not(target_os = "linux"))]
    pub fn of(_: &TcpStream) -> Option<Self> {
        None
    }

    /// The state as RFC 9293 and ss(8) call it.
    pub fn state_name(&self) -> &'static str {
        STATES.get(usize::from(self.state)).unwrap_or(&"")
    }
}

/// `struct tcp_info`, of which the kernel must have filled `least` bytes.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn tcp_info(stream: &TcpStream, least: usize) -> Option<[u8; 256]> {
    let mut info = [0_u8; 256];
    let mut len = info.len() as libc::socklen_t;
    let (fd, info_at) = (stream.as_raw_fd(), (&raw mut info).cast());
    // SAFETY: the buffer is `len` bytes long, and the descriptor is open while `stream` is.
    let answer =
        unsafe { libc::getsockopt(fd, libc::IPPROTO_TCP, libc::TCP_INFO, info_at, &mut len) };
    (answer == 0 && len as usize >= least).then_some(info)
}

/// Bytes in the send queue, sent or not, that the peer has not acknowledged (SIOCOUTQ, tcp(7)).
/// `None` where the kernel does not tell.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
pub fn unacknowledged(stream: &TcpStream) -> Option<u64> {
    let mut queued: libc::c_int = 0;
    // SAFETY: SIOCOUTQ, which is TIOCOUTQ, writes one int, and the descriptor is open.
    let answer = unsafe { libc::ioctl(stream.as_raw_fd(), libc::TIOCOUTQ, &raw mut queued) };
    (answer == 0).then(|| u64::try_from(queued).ok()).flatten()
}

/// Lets the kernel drop whatever the peer sends from now on, before TCP sees it (socket(7),
/// SO_ATTACH_FILTER). Without acknowledgements TCP has no reason to send what it holds back.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
pub fn deafen(stream: &TcpStream) -> io::Result<()> {
    // One instruction: accept 0 bytes of the packet, which is to drop it.
    let code = (libc::BPF_RET | libc::BPF_K) as u16;
    let mut drop_all = libc::sock_filter { code, jt: 0, jf: 0, k: 0 };
    let program = libc::sock_fprog { len: 1, filter: &raw mut drop_all };
    let len = size_of::<libc::sock_fprog>() as libc::socklen_t;
    let (fd, program_at) = (stream.as_raw_fd(), (&raw const program).cast());
    // SAFETY: the program is `len` bytes long and points to its one instruction, which the kernel
    // copies; the descriptor is open while `stream` is.
    let answer =
        unsafe { libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, program_at, len) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Asks no kernel: there is nothing to know.
#[cfg(not(target_os = "linux"))]
pub fn deafen(_: &TcpStream) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Asks no kernel: there is nothing to know.
#[cfg(not(target_os = "linux"))]
pub fn counts(_: &TcpStream) -> Option<Counts> {
    None
}

/// Asks no kernel: there is nothing to know.
#[cfg(not(target_os = "linux"))]
pub fn unacknowledged(_: &TcpStream) -> Option<u64> {
    None
}

impl Counts {
    /// All bytes that were ever handed to the kernel, on the scale of `acked`.
    pub fn taken(&self) -> u64 {
        self.acked + self.queued
    }

    /// What became of the last `len` bytes that the kernel took, of which the first was byte
    /// `start` on the scale of `acked`.
    pub fn of(&self, start: u64, len: u64) -> Evidence {
        let bytes_acked = self.acked.saturating_sub(start).min(len);
        Evidence { bytes_acked, bytes_unsent: self.not_sent.min(len - bytes_acked) }
    }
}

#[cfg(test)]
mod tests;
