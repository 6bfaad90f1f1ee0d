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
    /// `http`, `rpc`, `command`, `message` or `local`.
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

/// Every operation of every provider. One that can go two ways is there once: see [`twin`].
pub fn operations() -> impl Iterator<Item = &'static OperationDoc> {
    PROVIDERS.iter().flat_map(|(_, operations)| operations.iter()).chain(only_over_http())
}

/// The operations of one provider.
pub fn operations_of(provider: &str) -> impl Iterator<Item = &'static OperationDoc> {
    operations().filter(move |operation| operation.provider == provider)
}

/// The providers and their operations; Sora's HTTP API is a table of its own.
pub const PROVIDERS: &[(&str, &[OperationDoc])] = &[
    ("kvs-signaling", crate::generated::kvs_signaling::OPERATIONS),
    ("enablex", crate::generated::enablex::OPERATIONS),
    ("mediasfu", crate::generated::mediasfu::OPERATIONS),
    ("opentok", crate::generated::opentok::OPERATIONS),
    ("sora-rpc", SORA),
];

const SORA: &[OperationDoc] = crate::generated::sora_rpc::OPERATIONS;
const SORA_HTTP: &[OperationDoc] = crate::generated::sora_rpc_http::OPERATIONS;

fn only_over_http() -> impl Iterator<Item = &'static OperationDoc> {
    SORA_HTTP.iter().filter(|operation| !SORA.iter().any(|rpc| rpc.name == operation.name))
}

/// The operation of Sora's HTTP API that does the same as one over RPC.
#[must_use]
pub fn twin(operation: &OperationDoc) -> Option<&'static OperationDoc> {
    let is_rpc = operation.provider == "sora-rpc" && operation.kind == "rpc";
    SORA_HTTP.iter().find(|http| is_rpc && http.name == operation.name)
}

/// The operation of this provider and name.
#[must_use]
pub fn find(provider: &str, name: &str) -> Option<&'static OperationDoc> {
    operations().find(|o| o.provider == provider && o.name == name)
}
