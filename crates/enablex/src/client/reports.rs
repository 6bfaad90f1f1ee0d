//! Reports of sessions that are over: their files, and who used them for how long.

use super::Client;
use crate::operation::{
    Call, GetArchiveByConference, GetCdrByConference, ListArchivesByPeriod, ListArchivesByRoom,
    ListArchivesByRoomAndPeriod, ListCdrsByPeriod, ListCdrsByRoom, ListCdrsByRoomAndPeriod,
};

impl Client {
    /// Gives the files of the sessions of a period, in days of UTC, the last one included.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use enablex::ListArchivesByPeriod;
    ///
    /// for record in client.list_archives_by_period(ListArchivesByPeriod::new("2024-01-02", "2024-01-31")).await?.archive {
    ///     println!("{:?} {:?}", record.conf_num, record.trans_date);
    /// }
    /// # Ok(()) });
    /// ```
    pub fn list_archives_by_period(&self, request: ListArchivesByPeriod) -> Call<ListArchivesByPeriod> {
        self.call(request)
    }

    /// Gives the files of the sessions of a room.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use enablex::ListArchivesByRoom;
    ///
    /// for record in client.list_archives_by_room(ListArchivesByRoom::new(room)).await?.archive {
    ///     println!("{:?} {:?}", record.conf_num, record.trans_date);
    /// }
    /// # Ok(()) });
    /// ```
    pub fn list_archives_by_room(&self, request: ListArchivesByRoom) -> Call<ListArchivesByRoom> {
        self.call(request)
    }

    /// Gives the files of the sessions of a room in a period.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use enablex::ListArchivesByRoomAndPeriod;
    ///
    /// for record in client.list_archives_by_room_and_period(ListArchivesByRoomAndPeriod::new(room, "2024-01-02", "2024-01-31")).await?.archive {
    ///     println!("{:?} {:?}", record.conf_num, record.trans_date);
    /// }
    /// # Ok(()) });
    /// ```
    pub fn list_archives_by_room_and_period(
        &self,
        request: ListArchivesByRoomAndPeriod,
    ) -> Call<ListArchivesByRoomAndPeriod> {
        self.call(request)
    }

    /// Gives the files of one session, by its number (`conf_num`).
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use enablex::GetArchiveByConference;
    ///
    /// for record in client.get_archive_by_conference(GetArchiveByConference::new("12345678")).await?.archive {
    ///     println!("{:?} {:?}", record.conf_num, record.trans_date);
    /// }
    /// # Ok(()) });
    /// ```
    pub fn get_archive_by_conference(&self, request: GetArchiveByConference) -> Call<GetArchiveByConference> {
        self.call(request)
    }

    /// Gives the records of use of a period, in days of UTC, the last one included.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use enablex::ListCdrsByPeriod;
    ///
    /// for record in client.list_cdrs_by_period(ListCdrsByPeriod::new("2024-01-02", "2024-01-31")).await?.cdr {
    ///     println!("{:?} {:?}", record.conf_num, record.trans_date);
    /// }
    /// # Ok(()) });
    /// ```
    pub fn list_cdrs_by_period(&self, request: ListCdrsByPeriod) -> Call<ListCdrsByPeriod> {
        self.call(request)
    }

    /// Gives the records of use of a room.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use enablex::ListCdrsByRoom;
    ///
    /// for record in client.list_cdrs_by_room(ListCdrsByRoom::new(room)).await?.cdr {
    ///     println!("{:?} {:?}", record.conf_num, record.trans_date);
    /// }
    /// # Ok(()) });
    /// ```
    pub fn list_cdrs_by_room(&self, request: ListCdrsByRoom) -> Call<ListCdrsByRoom> {
        self.call(request)
    }

    /// Gives the records of use of a room in a period.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use enablex::ListCdrsByRoomAndPeriod;
    ///
    /// for record in client.list_cdrs_by_room_and_period(ListCdrsByRoomAndPeriod::new(room, "2024-01-02", "2024-01-31")).await?.cdr {
    ///     println!("{:?} {:?}", record.conf_num, record.trans_date);
    /// }
    /// # Ok(()) });
    /// ```
    pub fn list_cdrs_by_room_and_period(
        &self,
        request: ListCdrsByRoomAndPeriod,
    ) -> Call<ListCdrsByRoomAndPeriod> {
        self.call(request)
    }

    /// Gives the records of use of one session, by its number (`conf_num`).
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use enablex::GetCdrByConference;
    ///
    /// for record in client.get_cdr_by_conference(GetCdrByConference::new("12345678")).await?.cdr {
    ///     println!("{:?} {:?}", record.conf_num, record.trans_date);
    /// }
    /// # Ok(()) });
    /// ```
    pub fn get_cdr_by_conference(&self, request: GetCdrByConference) -> Call<GetCdrByConference> {
        self.call(request)
    }
}
