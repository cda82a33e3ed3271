//! Which request goes out next, and on which connection.
//!
//! Requests go over the connections in turn, so that each connection is measured alike. A request
//! whose connection is busy takes the next one that is idle. If none is, it waits: the requests
//! behind it go out after it. It knows no clock and no pool.

use std::collections::VecDeque;

/// The requests that wait, and whose turn it is.
#[derive(Debug)]
pub(crate) struct Waiting {
    connections: usize,
    /// Whose turn it is.
    turn: usize,
    requests: VecDeque<usize>,
}

/// What a connection made of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Offer<T> {
    /// It was taken, or refused for good.
    Settled(T),
    /// This connection is not idle.
    NotIdle,
}

impl Waiting {
    /// Nothing waits.
    pub(crate) fn new(connections: usize) -> Self {
        Self { connections, turn: 0, requests: VecDeque::new() }
    }

    /// A request is due.
    pub(crate) fn push(&mut self, request: usize) {
        self.requests.push_back(request);
    }

    /// Whether a request waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Takes the first request away if its time is over.
    pub(crate) fn pop_if(&mut self, is_over: impl Fn(usize) -> bool) -> Option<usize> {
        let request = *self.requests.front()?;
        if is_over(request) { self.requests.pop_front() } else { None }
    }

    /// Offers the first request to the connections, from the one whose turn it is. `None`: nothing
    /// waits, or no connection is idle.
    pub(crate) fn offer<T>(
        &mut self,
        mut to: impl FnMut(usize, usize) -> Offer<T>,
    ) -> Option<(usize, T)> {
        let request = *self.requests.front()?;
        for ahead in 0..self.connections {
            let connection = (self.turn + ahead) % self.connections;
            if let Offer::Settled(settled) = to(request, connection) {
                self.turn = (connection + 1) % self.connections;
                self.requests.pop_front();
                return Some((request, settled));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Offers requests while these connections are idle; answers who got which.
    fn offered(waiting: &mut Waiting, idle: &mut Vec<usize>) -> Vec<(usize, usize)> {
        let mut given = Vec::new();
        while let Some(one) = waiting.offer(|_, connection| {
            let found = idle.iter().position(|one| *one == connection);
            found.map_or(Offer::NotIdle, |at| Offer::Settled(idle.remove(at)))
        }) {
            given.push(one);
        }
        given
    }

    #[test]
    fn connections_take_turns() {
        let mut waiting = Waiting::new(3);
        (0..5).for_each(|request| waiting.push(request));
        assert_eq!(offered(&mut waiting, &mut vec![0, 1, 2]), [(0, 0), (1, 1), (2, 2)]);
        assert_eq!(offered(&mut waiting, &mut vec![2, 0]), [(3, 0), (4, 2)]);
        assert!(waiting.is_empty());
    }

    #[test]
    fn a_busy_connection_is_passed_over_and_the_order_stays() {
        let mut waiting = Waiting::new(2);
        (0..2).for_each(|request| waiting.push(request));
        assert_eq!(offered(&mut waiting, &mut vec![1]), [(0, 1)]);
        assert_eq!(offered(&mut waiting, &mut vec![]), []);
        assert_eq!(offered(&mut waiting, &mut vec![1]), [(1, 1)]);
    }

    #[test]
    fn the_first_one_leaves_when_its_time_is_over() {
        let mut waiting = Waiting::new(1);
        (0..3).for_each(|request| waiting.push(request));
        let is_over = |request| request < 1;
        assert_eq!((waiting.pop_if(is_over), waiting.pop_if(is_over)), (Some(0), None));
    }
}
