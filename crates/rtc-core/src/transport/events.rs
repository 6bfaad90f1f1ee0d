//! The events of a live connection.

use tokio::sync::broadcast;

/// The events of a live connection, in order, those of connecting included. The queue is bounded: what is not read in time
/// is dropped, oldest first, and counted.
#[derive(Debug)]
pub struct LiveEvents<T> {
    receiver: broadcast::Receiver<T>,
    missed: u64,
}

impl<T: Clone> LiveEvents<T> {
    /// The events that this receiver gets; for the crates of providers.
    #[doc(hidden)]
    pub fn of(receiver: broadcast::Receiver<T>) -> Self {
        Self { receiver, missed: 0 }
    }

    /// The next event; `None` after the last one of a connection that has ended. Cancel-safe.
    pub async fn next(&mut self) -> Option<T> {
        loop {
            match self.receiver.recv().await {
                Ok(event) => return Some(event),
                Err(broadcast::error::RecvError::Lagged(missed)) => self.missed += missed,
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    /// How many events were dropped because they were not read in time.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_not_read_in_time_is_dropped_and_counted() {
        let (sender, receiver) = broadcast::channel(2);
        let mut events = LiveEvents::of(receiver);
        for n in 1..=5 {
            sender.send(n).unwrap();
        }
        drop(sender);
        assert_eq!((events.next().await, events.next().await, events.next().await), (Some(4), Some(5), None));
        assert_eq!(events.missed(), 3);
    }
}
