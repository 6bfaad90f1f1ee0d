//! Connecting to meetings.

use super::Client;
use crate::error::Result;
use crate::meeting::{Meeting, MeetingEvents, MeetingOptions};
use crate::operation::ConnectMeeting;

impl Client {
    /// Connects to a meeting, to control it. See [`Meeting::connect`].
    ///
    /// The connection is made with the secret of the room, not with the key of the account. Failures are counted per
    /// room; after 10 of them none is tried for 3 hours, as the service blocks the addresses of clients that go on.
    /// The client's time limits count for the connection, too, and its extra headers and certificate are shown on the
    /// host of its endpoint only.
    ///
    /// # Errors
    /// See [`Meeting::connect`].
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::meeting::MeetingEvent;
    /// use mediasfu::{ConnectMeeting, Level};
    ///
    /// let host = ConnectMeeting::to(&room).member("hostUser").islevel(Level::Host);
    /// let (meeting, mut events) = client.connect_meeting(host).await?;
    /// assert_eq!(meeting.joined().and_then(|joined| joined.is_host), Some(true));
    /// assert!(matches!(events.next().await, Some(MeetingEvent::Connected(_))));
    /// meeting.close().await;
    /// # Ok(()) });
    /// ```
    pub async fn connect_meeting(&self, request: ConnectMeeting) -> Result<(Meeting, MeetingEvents)> {
        Meeting::connect(request, self.meetings.clone()).await
    }

    /// How this client connects to meetings, to be changed for [`Meeting::connect`].
    pub fn meeting_options(&self) -> MeetingOptions {
        self.meetings.clone()
    }
}
