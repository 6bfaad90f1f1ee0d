//! Ending and listing rooms.

use super::Client;
use crate::operation::{Call, DeleteRoom, ListRooms};

impl Client {
    /// Ends a room. Cloud only; a room of the demo mode cannot be ended.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::{DeleteRoom, ErrorKind, JoinRoom};
    ///
    /// client.delete_room(DeleteRoom::new(&room.room_name)).await?;
    /// let error = client.join_room(JoinRoom::new(&room.room_name, "guest1")).await.unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::NotFound);
    /// # Ok(()) });
    /// ```
    pub fn delete_room(&self, request: DeleteRoom) -> Call<DeleteRoom> {
        self.caller.call(request)
    }

    /// Lists the account's rooms. Cloud only.
    ///
    /// What the service answers is not documented: see [`Raw`](crate::Raw).
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::{EventStatus, ListRooms};
    ///
    /// let rooms = client.list_rooms(ListRooms::new().event_status(EventStatus::Active)).await?;
    /// assert!(rooms.value().to_string().contains(&room.room_name));
    /// # Ok(()) });
    /// ```
    pub fn list_rooms(&self, request: ListRooms) -> Call<ListRooms> {
        self.caller.call(request)
    }
}
