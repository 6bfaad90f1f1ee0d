//! Files of sessions.

use std::sync::Arc;

use rtc_core::{SharedClock, origin};

use super::Client;
use crate::error::Result;
use crate::operation::{Call, DownloadRecording};
use crate::recording::{HostGate, RecordingDownload};

impl Client {
    /// Downloads a file of a session. `.reply()` gives its content as it arrives (`body`); `offset` goes on where an earlier
    /// download broke off. The credentials are those for recordings ([`ClientBuilder::recordings`](crate::ClientBuilder::recordings)),
    /// and only hosts that were allowed there see them; redirects are not followed.
    ///
    /// # Errors
    /// Validation: the address is no URL, holds credentials, or its host is not allowed. Permission denied (403, as the service
    /// answers wrong credentials for recordings). Files are gone after 72 hours.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use enablex::DownloadRecording;
    ///
    /// # let (client, url) = doc::recorded(&client, &room).await;
    /// let head = client.download_recording(DownloadRecording::new(url)).await?;
    /// println!("{:?} bytes of {:?}", head.total, head.content_type);
    /// # Ok(()) });
    /// ```
    pub fn download_recording(&self, request: DownloadRecording) -> Call<DownloadRecording> {
        let gate = HostGate::new(&request, self.caller.service().recordings.clone());
        let origin = origin(&request.url);
        self.caller.call(request).discovered_endpoint(origin).gate(Arc::new(gate))
    }

    /// Opens a file of a session, to be read piece by piece; a lost connection is taken up again. `offset` begins in the
    /// middle, where the server can.
    ///
    /// # Errors
    /// As [`download_recording`](Self::download_recording).
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use enablex::DownloadRecording;
    ///
    /// # let (client, url) = doc::recorded(&client, &room).await;
    /// # let mut file = Vec::new();
    /// let mut download = client.open_recording(DownloadRecording::new(url)).await?;
    /// while let Some(piece) = download.next().await? {
    ///     file.extend_from_slice(&piece); // to a file, in practice
    ///     println!("{} of {:?} bytes", download.received(), download.total());
    /// }
    /// assert_eq!(Some(file.len() as u64), download.total());
    /// # Ok(()) });
    /// ```
    pub async fn open_recording(&self, request: DownloadRecording) -> Result<RecordingDownload> {
        RecordingDownload::open(self.clone(), request).await
    }

    pub(crate) fn clock(&self) -> &SharedClock {
        self.caller.clock()
    }
}
