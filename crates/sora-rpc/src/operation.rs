//! The operations of this crate.

pub use crate::generated::*;
