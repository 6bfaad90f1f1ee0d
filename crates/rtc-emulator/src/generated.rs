//! Made by `cargo xtask codegen`: the tables of each provider.

#[cfg(feature = "opentok")]
pub(crate) mod opentok;
