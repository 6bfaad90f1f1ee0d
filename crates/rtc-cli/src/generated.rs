//! Made by `cargo xtask codegen`: a module per provider.

pub(crate) mod mediasfu;
pub(crate) mod opentok;
