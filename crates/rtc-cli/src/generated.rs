//! Made by `cargo xtask codegen`: a module per provider.

pub(crate) mod opentok;
