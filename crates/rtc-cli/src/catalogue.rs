//! What there is to call.

use serde::Serialize;

/// An input of an operation.
#[derive(Debug, Clone, Copy, Serialize)]
#[non_exhaustive]
pub struct FieldDoc {
    /// The path in Rust names.
    pub name: &'static str,
    /// The path in wire names, accepted as well.
    pub wire: &'static str,
    /// `text`, `bool`, `u32`, `u64`, `i64`, `f64`, `json`, `object`, or one of these in brackets.
    #[serde(rename = "type")]
    pub ty: &'static str,
    /// Whether it must be given.
    pub required: bool,
    /// Its bounds in words.
    pub bounds: &'static str,
    /// The values it may have, where they are fixed.
    pub values: &'static [&'static str],
    /// What it means.
    pub doc: &'static str,
}

/// An operation.
#[derive(Debug, Clone, Copy, Serialize)]
#[non_exhaustive]
pub struct OperationDoc {
    /// The provider.
    pub provider: &'static str,
    /// The name in snake case.
    pub name: &'static str,
    /// `http`, `rpc`, `command` or `local`.
    pub kind: &'static str,
    /// The HTTP method.
    pub method: &'static str,
    /// The path, the RPC method or the room event.
    pub path: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// Whether it answers a page of a list.
    pub paged: bool,
    /// What it takes.
    pub fields: &'static [FieldDoc],
}

/// Every operation of every provider.
pub fn operations() -> impl Iterator<Item = &'static OperationDoc> {
    PROVIDERS.iter().flat_map(|(_, operations)| operations.iter())
}

/// The providers and their operations.
pub const PROVIDERS: &[(&str, &[OperationDoc])] = &[
    ("kvs-signaling", crate::generated::kvs_signaling::OPERATIONS),
    ("enablex", crate::generated::enablex::OPERATIONS),
    ("mediasfu", crate::generated::mediasfu::OPERATIONS),
    ("opentok", crate::generated::opentok::OPERATIONS),
    ("sora-rpc", crate::generated::sora_rpc::OPERATIONS),
];

/// The operation of this provider and name.
#[must_use]
pub fn find(provider: &str, name: &str) -> Option<&'static OperationDoc> {
    operations().find(|o| o.provider == provider && o.name == name)
}
