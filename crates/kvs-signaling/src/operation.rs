//! The operations of this crate.

use crate::credentials::Kvs;

pub use crate::generated::*;

/// A call of an operation: await it, or set its knobs first.
pub type Call<O> = rtc_core::Call<Kvs, O>;
