//! What the drivers are told at the start.

/// Who signs in.
#[derive(Debug)]
pub(crate) struct World {
    /// Access key id.
    pub(crate) project: String,
    /// Secret access key.
    pub(crate) secret: String,
}
