#![doc = include_str!("../README.md")]

pub mod args;
pub mod batch;
pub mod catalogue;
pub mod clock;
pub mod converse;
pub mod emulate;
#[rustfmt::skip]
mod generated;
mod input;
pub mod options;
mod outcome;
mod providers;
pub mod tour;

pub use outcome::{Outcome, Run};
