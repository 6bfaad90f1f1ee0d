//! What a call can be guarded with.

use crate::clock::BoxFuture;
use crate::error::Error;

/// Guards a call: looked at before everything else, entered after validation, left when the call ends.
pub trait Gate<E>: Send + Sync {
    /// Whether the gate is open; an error ends the call before its credentials and input are looked at.
    /// Unless a gate says otherwise, it is.
    fn look(&self) -> BoxFuture<'_, Result<(), Error<E>>> {
        Box::pin(async { Ok(()) })
    }
    /// Enters. Dropping the permit without releasing it must leave the gate, too.
    fn enter(&self) -> BoxFuture<'_, Result<Box<dyn Permit>, Error<E>>>;
}

/// The right to be inside a [`Gate`].
pub trait Permit: Send {
    /// Leaves the gate.
    fn release(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// Of a gate that nothing is given back to.
impl Permit for () {
    fn release(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}
