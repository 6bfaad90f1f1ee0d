//! A download that goes on by itself after a lost connection.

use std::fmt;
use std::time::Duration;

use rtc_core::{Body, Bytes, DecodeError, Reason, TransportError, TransportErrorKind, timeout};

use super::RecordingHead;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::operation::DownloadRecording;

/// How often a download goes on unless told otherwise.
const RESUMES: u32 = 5;
/// How long it waits for the next piece unless told otherwise.
const QUIET: Duration = Duration::from_secs(30);

/// The content of a file, piece by piece as it arrives. From [`Client::open_recording`].
///
/// Where the connection is lost, or nothing comes for the quiet time, it asks for the rest (`Range`), at most
/// [`resumes`](Self::resumes) times; only where the server gives the length of the file, can begin in the middle, and the
/// file is still as long as it was. It never asks another host than that of the address.
///
/// Dropping it ends the download.
pub struct RecordingDownload {
    client: Client,
    request: DownloadRecording,
    head: RecordingHead,
    body: Body,
    /// Where the next byte is in the file.
    position: u64,
    resumes: u32,
    quiet: Duration,
    over: bool,
}

impl fmt::Debug for RecordingDownload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordingDownload")
            .field("url", &self.request.url)
            .field("position", &self.position)
            .field("total", &self.head.total)
            .field("resumes", &self.resumes)
            .finish_non_exhaustive()
    }
}

impl RecordingDownload {
    pub(crate) async fn open(client: Client, request: DownloadRecording) -> Result<Self> {
        let reply = client.download_recording(request.clone()).reply().await?;
        let position = reply.output.offset;
        let (head, body) = (reply.output, reply.body);
        Ok(Self { client, request, head, body, position, resumes: RESUMES, quiet: QUIET, over: false })
    }

    /// How often it may go on after a lost connection; 5 unless set.
    #[must_use]
    pub fn resumes(mut self, times: u32) -> Self {
        self.resumes = times;
        self
    }

    /// How long it waits for the next piece before the connection counts as lost; 30 s unless set.
    #[must_use]
    pub fn quiet_time(mut self, time: Duration) -> Self {
        self.quiet = time;
        self
    }

    /// What was known before the content came. Its `offset` is 0 where the server cannot begin in the middle: then the
    /// whole file comes, also if a later part was asked for.
    #[must_use]
    pub fn head(&self) -> &RecordingHead {
        &self.head
    }

    /// How many bytes have come.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.position.saturating_sub(self.head.offset)
    }

    /// How many bytes the file has before the next piece: where to go on with another download.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// How many bytes the whole file has, where the server tells.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        self.head.total
    }

    /// The next piece, never empty; `None` at the end of the file. Cancel-safe, but a wait that is given up while it asks for
    /// the rest counts as one of the [`resumes`](Self::resumes).
    ///
    /// # Errors
    /// The connection was lost and the download cannot go on; the server answers with more than it announced, or with
    /// another file. After an error it is over: open another one at [`position`](Self::position).
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        while !self.over {
            let arrived = timeout(self.client.clock(), self.quiet, self.body.next()).await;
            match arrived {
                Some(Some(Ok(piece))) if piece.is_empty() => {}
                Some(Some(Ok(piece))) => return self.took(piece).map(Some),
                Some(None) if self.is_whole() => self.over = true,
                Some(None) => self.go_on(TransportError::new(TransportErrorKind::Interrupted).into()).await?,
                Some(Some(Err(error))) => self.go_on(error.into()).await?,
                None => self.go_on(Error::new(Reason::Timeout(self.quiet)).with_exchange(1, true)).await?,
            }
        }
        Ok(None)
    }

    fn is_whole(&self) -> bool {
        self.head.total.is_none_or(|total| self.position == total)
    }

    fn took(&mut self, piece: Bytes) -> Result<Bytes> {
        self.position = self.position.saturating_add(piece.len() as u64);
        if self.head.total.is_some_and(|total| self.position > total) {
            self.over = true;
            return Err(broken("more came than the file is long"));
        }
        Ok(piece)
    }

    /// Asks for the rest, after this was the end of the connection.
    async fn go_on(&mut self, lost: Error) -> Result<()> {
        if self.head.total == Some(self.position) {
            self.over = true;
            return Ok(());
        }
        // Whoever gives up the wait and comes again finds a lost connection, not the end of the file.
        self.body = Body::full(Bytes::new());
        let rest = self.rest(lost).await;
        self.over = rest.is_err();
        self.body = rest?;
        Ok(())
    }

    async fn rest(&mut self, lost: Error) -> Result<Body> {
        if self.resumes == 0 || self.head.total.is_none() {
            return Err(lost);
        }
        self.resumes -= 1;
        let rest = self.request.clone().offset(self.position);
        let reply = self.client.download_recording(rest).reply().await?;
        if reply.output.offset != self.position {
            // The whole file comes again: the server cannot begin in the middle.
            return Err(lost);
        }
        if reply.output.total != self.head.total {
            return Err(broken("the file is another one than before the connection was lost"));
        }
        Ok(reply.body)
    }
}

fn broken(message: &'static str) -> Error {
    Error::new(Reason::Decode(DecodeError::new(message))).with_exchange(1, true)
}
