//! Rooms that are there already.

use super::Client;
use crate::operation::{Call, DeleteRoom, GetDialIn, GetRoom, ListRooms, ListUsers, UpdateRoom};

impl Client {
    /// Lists the rooms of the application.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use enablex::ListRooms;
    ///
    /// let rooms = client.list_rooms(ListRooms::new()).await?.rooms;
    /// assert_eq!(rooms[0].room_id, room);
    /// # Ok(()) });
    /// ```
    pub fn list_rooms(&self, request: ListRooms) -> Call<ListRooms> {
        self.call(request)
    }

    /// Gives a room.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use enablex::GetRoom;
    ///
    /// assert_eq!(client.get_room(GetRoom::new(&room)).await?.settings.participants, Some(5));
    /// # Ok(()) });
    /// ```
    pub fn get_room(&self, request: GetRoom) -> Call<GetRoom> {
        self.call(request)
    }

    /// Changes a room for later sessions; what is not given stays. A room with people in it refuses (code 10030), and so does
    /// a scheduled one less than 15 minutes before it opens.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use enablex::{GetRoom, SettingsChange, UpdateRoom};
    ///
    /// let change = SettingsChange::new().participants(15).auto_recording(true);
    /// client.update_room(UpdateRoom::new(&room).settings(change)).await?;
    /// assert_eq!(client.get_room(GetRoom::new(room)).await?.settings.participants, Some(15));
    /// # Ok(()) });
    /// ```
    pub fn update_room(&self, request: UpdateRoom) -> Call<UpdateRoom> {
        self.call(request)
    }

    /// Deletes a room. One with people in it refuses.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use enablex::{DeleteRoom, ErrorKind, GetRoom};
    ///
    /// client.delete_room(DeleteRoom::new(&room)).await?;
    /// assert_eq!(client.get_room(GetRoom::new(room)).await.unwrap_err().kind(), ErrorKind::NotFound);
    /// # Ok(()) });
    /// ```
    pub fn delete_room(&self, request: DeleteRoom) -> Call<DeleteRoom> {
        self.call(request)
    }

    /// Tells who is in a room: nobody while it is not active.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use enablex::ListUsers;
    ///
    /// let users = client.list_users(ListUsers::new(room)).await?;
    /// assert_eq!((users.total, users.users.len()), (Some(0), 0));
    /// # Ok(()) });
    /// ```
    pub fn list_users(&self, request: ListUsers) -> Call<ListUsers> {
        self.call(request)
    }

    /// Tells how people dial in to rooms. The answer holds the password of the SIP server.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use enablex::GetDialIn;
    ///
    /// let dial_in = client.get_dial_in(GetDialIn::new()).await?;
    /// println!("call {:?}", dial_in.dialin.first().and_then(|number| number.phone.as_deref()));
    /// # Ok(()) });
    /// ```
    pub fn get_dial_in(&self, request: GetDialIn) -> Call<GetDialIn> {
        self.call(request)
    }
}
