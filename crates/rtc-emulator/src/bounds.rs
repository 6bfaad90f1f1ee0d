//! How much is kept of what grows for as long as somebody goes on, and of what waits for a receiver who takes nothing.
//!
//! What callers make and can delete again (rooms, sessions, archives, keys) has no limit of the emulator's own: but for
//! the channels of KVS, no provider documents one at which it would refuse, and `POST /_emulator/reset` forgets all of it.
#![allow(dead_code, reason = "each provider is a feature, and not every one needs each of them")]

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How much is kept of what can be large: what was said, what was posted.
pub(crate) const SAID: usize = 1_000;
/// How much is kept of what is small: what is over, who was there.
pub(crate) const PAST: usize = 10_000;
/// How many reports of one provider wait to be posted, or are under way: each may hold a socket.
pub(crate) const WAITING: usize = 500;

/// Forgets the oldest beyond `most`, and gives them.
pub(crate) fn latest<T>(list: &mut Vec<T>, most: usize) -> Vec<T> {
    let over = list.len().saturating_sub(most);
    list.drain(..over).collect()
}

/// The places for reports that wait. For one that finds none there is nothing to be done but to drop it: who holds up so
/// many will not take it either.
#[derive(Clone, Debug)]
pub(crate) struct Places(Arc<Semaphore>);

impl Default for Places {
    fn default() -> Self {
        Self::new(WAITING)
    }
}

/// Is given back when it is dropped.
pub(crate) type Place = OwnedSemaphorePermit;

impl Places {
    pub(crate) fn new(places: usize) -> Self {
        Self(Arc::new(Semaphore::new(places)))
    }

    /// A place, if there is one.
    pub(crate) fn take(&self) -> Option<Place> {
        Arc::clone(&self.0).try_acquire_owned().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_first() {
        let mut list = vec![1, 2, 3, 4];
        assert_eq!((latest(&mut list, 3), latest(&mut list, 3)), (vec![1], vec![]));
        assert_eq!(list, [2, 3, 4]);
    }

    #[test]
    fn a_place_is_given_back() {
        let places = Places::new(1);
        let place = places.take();
        assert!(place.is_some() && places.take().is_none());
        drop(place);
        assert!(places.take().is_some());
    }
}
