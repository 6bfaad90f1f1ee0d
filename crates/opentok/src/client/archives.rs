//! Archives: recordings of sessions.

use super::Client;
use crate::operation::{
    AddArchiveStream, Call, DeleteArchive, DeleteArchiveStorage, GetArchive, ListArchives,
    RemoveArchiveStream, SetArchiveLayout, SetArchiveStorage, StartArchive, StopArchive,
};

impl Client {
    /// Starts to record a session. Somebody must be connected to it, and it must be routed. It ends with stop, after two hours, or a minute after the last client left.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::StartArchive;
    ///
    /// let archive = client.start_archive(StartArchive::new(&session).name("lesson 1")).await?;
    /// assert_eq!(archive.name.as_deref(), Some("lesson 1"));
    /// # Ok(()) });
    /// ```
    pub fn start_archive(&self, request: StartArchive) -> Call<StartArchive> {
        self.caller.call(request)
    }

    /// Ends a recording.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::{ArchiveStatus, StartArchive, StopArchive};
    ///
    /// let archive = client.start_archive(StartArchive::new(&session)).await?;
    /// let archive = client.stop_archive(StopArchive::new(archive.id)).await?;
    /// assert_eq!(archive.status, Some(ArchiveStatus::Stopped));
    /// # Ok(()) });
    /// ```
    pub fn stop_archive(&self, request: StopArchive) -> Call<StopArchive> {
        self.caller.call(request)
    }

    /// Tells about an archive.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::{ErrorKind, GetArchive, OpenTokError, Refusal};
    ///
    /// let error = client.get_archive(GetArchive::new("30b3ebf1-ba36-4f5b-8def-6f70d9986fe9")).await.unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::NotFound);
    /// assert_eq!(error.service().and_then(OpenTokError::refusal), Some(Refusal::ArchiveNotFound));
    /// # Ok(()) });
    /// ```
    pub fn get_archive(&self, request: GetArchive) -> Call<GetArchive> {
        self.caller.call(request)
    }

    /// Lists the archives of the project, newest first: one page of them.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::{ListArchives, StartArchive};
    ///
    /// client.start_archive(StartArchive::new(&session)).await?;
    /// let page = client.list_archives(ListArchives::new().session_id(&session)).await?;
    /// assert_eq!((page.count, page.items.len()), (Some(1), 1));
    ///
    /// // All of them, page by page.
    /// let mut archives = client.list_archives(ListArchives::new().count(100)).items();
    /// while let Some(archive) = archives.next().await {
    ///     println!("{}", archive?.id);
    /// }
    /// # Ok(()) });
    /// ```
    pub fn list_archives(&self, request: ListArchives) -> Call<ListArchives> {
        self.caller.call(request)
    }

    /// Deletes an archive that is available or uploaded.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::{DeleteArchive, ErrorKind, StartArchive};
    ///
    /// let archive = client.start_archive(StartArchive::new(&session)).await?;
    /// // It is still being recorded.
    /// let error = client.delete_archive(DeleteArchive::new(archive.id)).await.unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Conflict);
    /// # Ok(()) });
    /// ```
    pub fn delete_archive(&self, request: DeleteArchive) -> Call<DeleteArchive> {
        self.caller.call(request)
    }

    /// Changes the layout of a composed archive that is being recorded.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::{LayoutType, ScreenshareLayout, SetArchiveLayout, StartArchive};
    ///
    /// let archive = client.start_archive(StartArchive::new(&session)).await?;
    /// let layout = SetArchiveLayout::new(archive.id, LayoutType::BestFit);
    /// client.set_archive_layout(layout.screenshare_type(ScreenshareLayout::Pip)).await?;
    /// # Ok(()) });
    /// ```
    pub fn set_archive_layout(&self, request: SetArchiveLayout) -> Call<SetArchiveLayout> {
        self.caller.call(request)
    }

    /// Takes a stream into an archive with stream mode manual.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::{AddArchiveStream, ListStreams, StartArchive, StreamMode};
    ///
    /// let archive = client.start_archive(StartArchive::new(&session).stream_mode(StreamMode::Manual)).await?;
    /// let streams = client.list_streams(ListStreams::new(&session)).await?;
    /// for stream in streams.items {
    ///     client.add_archive_stream(AddArchiveStream::new(&archive.id, stream.id).has_video(false)).await?;
    /// }
    /// # Ok(()) });
    /// ```
    pub fn add_archive_stream(&self, request: AddArchiveStream) -> Call<AddArchiveStream> {
        self.caller.call(request)
    }

    /// Takes a stream out of an archive with stream mode manual.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::{ErrorKind, RemoveArchiveStream, StartArchive};
    ///
    /// let archive = client.start_archive(StartArchive::new(&session)).await?;
    /// // This archive takes in all streams by itself.
    /// let request = RemoveArchiveStream::new(archive.id, "8b732909-0a06-46a2-8ea8-074e64d43422");
    /// assert_eq!(client.remove_archive_stream(request).await.unwrap_err().kind(), ErrorKind::Conflict);
    /// # Ok(()) });
    /// ```
    pub fn remove_archive_stream(&self, request: RemoveArchiveStream) -> Call<RemoveArchiveStream> {
        self.caller.call(request)
    }

    /// Has archives uploaded to your own storage from now on.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::{SetArchiveStorage, StorageConfig, StorageFallback, StorageType};
    ///
    /// let bucket = StorageConfig::s3("AKIAEXAMPLE", "the secret key", "recordings");
    /// let storage = SetArchiveStorage::new(StorageType::S3, bucket).fallback(StorageFallback::Opentok);
    /// client.set_archive_storage(storage).await?;
    /// # Ok(()) });
    /// ```
    pub fn set_archive_storage(&self, request: SetArchiveStorage) -> Call<SetArchiveStorage> {
        self.caller.call(request)
    }

    /// Has archives kept by the service again.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::DeleteArchiveStorage;
    ///
    /// client.delete_archive_storage(DeleteArchiveStorage::new()).await?;
    /// # Ok(()) });
    /// ```
    pub fn delete_archive_storage(&self, request: DeleteArchiveStorage) -> Call<DeleteArchiveStorage> {
        self.caller.call(request)
    }
}
