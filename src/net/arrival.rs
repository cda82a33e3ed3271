//! When the kernel had the bytes that are read: its receive times, by SO_TIMESTAMPING.
//!
//! It knows a socket. The time is that of the last segment that a read took, by the system's clock
//! (Documentation/networking/timestamping.rst of Linux, section 1.4: "SCM_TIMESTAMPING"). Nothing
//! is allocated by a read.

use std::io::{self, IoSliceMut};
use std::net::TcpStream;
use std::os::fd::AsRawFd;

use nix::cmsg_space;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, TimestampingFlag, Timestamps, recvmsg, setsockopt, sockopt,
};
use nix::sys::time::TimeSpec;

/// The receive times of one socket.
#[derive(Debug)]
pub(super) struct Arrivals {
    /// Room for what the kernel tells with a read.
    control: Box<[u8]>,
    /// The time of the last read that had one; 0 before.
    last_wall_ns: u64,
}

impl Arrivals {
    /// Asks the kernel to note when segments come. `None` where it does not: then no time is told.
    pub(super) fn of(stream: &TcpStream) -> Option<Box<Self>> {
        let software = TimestampingFlag::SOF_TIMESTAMPING_RX_SOFTWARE
            | TimestampingFlag::SOF_TIMESTAMPING_SOFTWARE;
        setsockopt(stream, sockopt::Timestamping, &software).ok()?;
        Some(Box::new(Self {
            control: cmsg_space!(Timestamps).into_boxed_slice(),
            last_wall_ns: 0,
        }))
    }

    /// When the kernel had what was read last, in nanoseconds since 1970; 0 if it did not tell.
    pub(super) fn last_wall_ns(&self) -> u64 {
        self.last_wall_ns
    }

    /// Reads once, and takes note of the time.
    #[cold] // It is not on the path of an order, unless that was asked for.
    pub(super) fn read(&mut self, stream: &TcpStream, space: &mut [u8]) -> io::Result<usize> {
        let mut space = [IoSliceMut::new(space)];
        let control = Some(&mut self.control[..]);
        let message = recvmsg::<()>(stream.as_raw_fd(), &mut space, control, MsgFlags::empty())?;
        if message.bytes > 0 {
            // What was cut off was no time: there is room for one.
            let mut told = message.cmsgs()?;
            self.last_wall_ns = told.find_map(received_ns).unwrap_or(0);
        }
        Ok(message.bytes)
    }
}

fn received_ns(message: ControlMessageOwned) -> Option<u64> {
    let ControlMessageOwned::ScmTimestampsns(times) = message else { return None };
    in_ns(times.system)
}

fn in_ns(time: TimeSpec) -> Option<u64> {
    let whole = u64::try_from(time.tv_sec()).ok()?.checked_mul(1_000_000_000)?;
    whole.checked_add(u64::try_from(time.tv_nsec()).ok()?)
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Write};
    use std::net::TcpListener;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use super::*;

    fn wall_ns() -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
    }

    #[test]
    fn the_time_of_a_segment_is_between_its_sending_and_its_reading() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut arrivals = Arrivals::of(&stream).unwrap();
        let mut space = [0; 8];
        // The kernel begins to note times a moment after the first socket has asked for them: a
        // worker of its own sees to that, which a busy machine may let wait.
        let until_ns = wall_ns() + 10_000_000_000;
        while arrivals.last_wall_ns() == 0 && wall_ns() < until_ns {
            let sent_ns = wall_ns();
            peer.write_all(b"bytes").unwrap();
            assert_eq!(arrivals.read(&stream, &mut space).unwrap(), 5);
            assert_eq!(&space[..5], b"bytes");
            let told_ns = arrivals.last_wall_ns();
            assert!(told_ns == 0 || (sent_ns..=wall_ns()).contains(&told_ns));
        }
        assert!(arrivals.last_wall_ns() > 0, "the kernel has told no time");
        stream.set_nonblocking(true).unwrap();
        let nothing = arrivals.read(&stream, &mut space).unwrap_err();
        assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
        drop(peer);
        stream.set_nonblocking(false).unwrap();
        assert_eq!(arrivals.read(&stream, &mut space).unwrap(), 0);
    }

    #[test]
    fn a_time_before_1970_or_far_beyond_it_is_none() {
        assert_eq!(in_ns(TimeSpec::new(1, 2)), Some(1_000_000_002));
        assert_eq!(in_ns(TimeSpec::new(-1, 0)), None);
        assert_eq!(in_ns(TimeSpec::new(i64::MAX, 0)), None);
    }
}
