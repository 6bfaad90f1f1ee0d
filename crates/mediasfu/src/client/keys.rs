//! Disposable keys.

use super::Client;
use crate::operation::{
    Call, CheckSession, GetDisposableKeyQuota, GetDisposableKeyUsage, ListDisposableKeys, ManageDisposableKey,
};

impl Client {
    /// Checks the disposable key of the client and tells what it may do.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::CheckSession;
    ///
    /// # let client = doc::disposable(&client).await;
    /// let session = client.check_session(CheckSession::new()).await?;
    /// assert_eq!(session.allowed_operations, ["createRoom"]);
    /// # Ok(()) });
    /// ```
    pub fn check_session(&self, request: CheckSession) -> Call<CheckSession> {
        self.caller.call(request)
    }

    /// Lists the disposable keys of the account.
    ///
    /// What the service answers is not documented: see [`Raw`](crate::Raw).
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::ListDisposableKeys;
    ///
    /// let keys = client.list_disposable_keys(ListDisposableKeys::new()).await?;
    /// println!("{keys:?}");
    /// # Ok(()) });
    /// ```
    pub fn list_disposable_keys(&self, request: ListDisposableKeys) -> Call<ListDisposableKeys> {
        self.caller.call(request)
    }

    /// Makes, changes or revokes a disposable key. Beside the action, the members of the request are not documented: they are
    /// sent as you give them.
    ///
    /// What the service answers is not documented: see [`Raw`](crate::Raw).
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::{KeyAction, ManageDisposableKey};
    ///
    /// let limits = serde_json::json!({ "name": "shop", "allowedOperations": ["createRoom"], "domains": ["shop.example"] });
    /// let answer = client.manage_disposable_key(ManageDisposableKey::new(KeyAction::Create).members(limits)).await?;
    /// println!("{answer:?}"); // without the key itself
    /// # Ok(()) });
    /// ```
    pub fn manage_disposable_key(&self, request: ManageDisposableKey) -> Call<ManageDisposableKey> {
        self.caller.call(request)
    }

    /// Tells how much a disposable key was used.
    ///
    /// What the service answers is not documented: see [`Raw`](crate::Raw).
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::GetDisposableKeyUsage;
    ///
    /// # doc::disposable(&client).await;
    /// let usage = client.get_disposable_key_usage(GetDisposableKeyUsage::new().name("demo")).await?;
    /// println!("{usage:?}");
    /// # Ok(()) });
    /// ```
    pub fn get_disposable_key_usage(&self, request: GetDisposableKeyUsage) -> Call<GetDisposableKeyUsage> {
        self.caller.call(request)
    }

    /// Tells how many disposable keys the account may have.
    ///
    /// What the service answers is not documented: see [`Raw`](crate::Raw).
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::GetDisposableKeyQuota;
    ///
    /// let quota = client.get_disposable_key_quota(GetDisposableKeyQuota::new()).await?;
    /// println!("{quota:?}");
    /// # Ok(()) });
    /// ```
    pub fn get_disposable_key_quota(&self, request: GetDisposableKeyQuota) -> Call<GetDisposableKeyQuota> {
        self.caller.call(request)
    }
}
