//! Lists that come in pages, as streams of pages or of their elements.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::caller::Call;
use crate::clock::BoxFuture;
use crate::error::Error;
use crate::operation::{Operation, Service};

/// An operation that answers one page of a list.
pub trait Paged<S: Service>: Operation<S> + Clone + Unpin + 'static {
    /// One element of the list.
    type Item: Send + Unpin;

    /// The elements of a page.
    fn items(page: Self::Output) -> Vec<Self::Item>;

    /// The request of the page after `page`; none when that was the last one.
    #[must_use]
    fn next(self, page: &Self::Output) -> Option<Self>;
}

/// The offset of the page after one with `here` elements at `offset`, of a list of `total`; none at its end.
///
/// Without a total the list goes on until a page is empty.
#[must_use]
pub fn next_offset(offset: Option<u64>, here: usize, total: Option<u64>) -> Option<u64> {
    let next = offset.unwrap_or(0).checked_add(u64::try_from(here).ok()?)?;
    (here > 0 && total.is_none_or(|total| next < total)).then_some(next)
}

/// The token of the next page; none when the answer gives none, or the same one again, which would never end.
#[must_use]
pub fn next_token(asked: Option<&str>, given: Option<&str>) -> Option<String> {
    given.filter(|token| !token.is_empty() && Some(*token) != asked).map(str::to_owned)
}

/// The number of the page after `page` (1 when not given) of up to `limit` elements; none after a page that is
/// empty or, as far as the limit is known, not full.
#[must_use]
pub fn next_page(page: Option<u32>, limit: Option<u32>, here: usize) -> Option<u32> {
    is_full(limit, here).then(|| page.unwrap_or(1).checked_add(1)).flatten()
}

/// The index of the page after the one at `start` with up to `size` elements; none after a page that is empty or,
/// as far as the size is known, not full.
#[must_use]
pub fn next_index(start: Option<u32>, size: Option<u32>, here: usize) -> Option<u32> {
    is_full(size, here).then(|| start.unwrap_or(0).checked_add(u32::try_from(here).ok()?)).flatten()
}

fn is_full(limit: Option<u32>, here: usize) -> bool {
    here > 0 && limit.is_none_or(|limit| here >= usize::try_from(limit).unwrap_or(usize::MAX))
}

type Page<S, O> = Result<<O as Operation<S>>::Output, Error<<S as Service>::Error>>;

/// The pages of a list, one request each. A stream; [`Pages::next`] needs no further crate.
///
/// A failed page ends nothing: asking again repeats its request, so stop at an error that is not retryable. Elements that are added or removed while a
/// list with offsets is read can move across the border of two pages, and so appear twice or not at all.
#[must_use = "a list asks for nothing until it is read"]
pub struct Pages<S: Service, O: Paged<S>> {
    /// The call of the next page; none at the end.
    call: Option<Call<S, O>>,
    running: Option<BoxFuture<'static, Page<S, O>>>,
}

impl<S: Service, O: Paged<S>> Pages<S, O> {
    pub(crate) fn new(call: Call<S, O>) -> Self {
        Self { call: Some(call), running: None }
    }

    /// The next page; none at the end.
    ///
    /// Dropping the future loses nothing: the request goes on with the next call.
    pub async fn next(&mut self) -> Option<Page<S, O>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// The request of the page that comes next, to go on from later; none at the end.
    #[must_use]
    pub fn position(&self) -> Option<&O> {
        self.call.as_ref().map(Call::operation)
    }
}

impl<S: Service, O: Paged<S>> Stream for Pages<S, O> {
    type Item = Page<S, O>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(call) = &this.call else { return Poll::Ready(None) };
        let running = this.running.get_or_insert_with(|| {
            let call = call.clone();
            Box::pin(async move { call.await })
        });
        let result = std::task::ready!(running.as_mut().poll(context));
        this.running = None;
        if let Ok(page) = &result {
            this.call = this.call.take().and_then(|call| call.try_map(|operation| operation.next(page)));
        }
        Poll::Ready(Some(result))
    }
}

impl<S: Service, O: Paged<S>> fmt::Debug for Pages<S, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages").field("next", &self.position()).finish_non_exhaustive()
    }
}

/// The elements of a list, page by page. A stream; [`Items::next`] needs no further crate.
///
/// What [`Pages`] says of failures and of lists that change holds here, too.
#[must_use = "a list asks for nothing until it is read"]
pub struct Items<S: Service, O: Paged<S>> {
    pages: Pages<S, O>,
    ready: VecDeque<O::Item>,
}

impl<S: Service, O: Paged<S>> Items<S, O> {
    pub(crate) fn new(call: Call<S, O>) -> Self {
        Self { pages: Pages::new(call), ready: VecDeque::new() }
    }

    /// The next element; none at the end.
    pub async fn next(&mut self) -> Option<Result<O::Item, Error<S::Error>>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }
}

impl<S: Service, O: Paged<S>> Stream for Items<S, O> {
    type Item = Result<O::Item, Error<S::Error>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(item) = this.ready.pop_front() {
                return Poll::Ready(Some(Ok(item)));
            }
            match std::task::ready!(Pin::new(&mut this.pages).poll_next(context)) {
                Some(Ok(page)) => this.ready.extend(O::items(page)),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl<S: Service, O: Paged<S>> fmt::Debug for Items<S, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Items").field("pages", &self.pages).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_the_total_or_an_empty_page() {
        assert_eq!(next_offset(None, 50, Some(120)), Some(50));
        assert_eq!(next_offset(Some(100), 20, Some(120)), None);
        assert_eq!(next_offset(Some(3), 2, None), Some(5));
        assert_eq!(next_offset(Some(3), 0, None), None);
        assert_eq!(next_offset(None, 0, Some(7)), None);
        assert_eq!(next_offset(Some(u64::MAX), 2, None), None);
    }

    #[test]
    fn the_end_is_a_page_that_is_not_full() {
        assert_eq!(next_page(None, Some(2), 2), Some(2));
        assert_eq!(next_page(Some(2), Some(2), 1), None);
        assert_eq!(next_page(Some(2), None, 1), Some(3));
        assert_eq!(next_page(Some(2), None, 0), None);
        assert_eq!(next_page(Some(u32::MAX), None, 1), None);
        assert_eq!(next_index(None, Some(20), 20), Some(20));
        assert_eq!(next_index(Some(20), Some(20), 3), None);
        assert_eq!(next_index(Some(20), None, 3), Some(23));
        assert_eq!(next_index(Some(u32::MAX), None, 1), None);
    }
}
