//! The signaling WebSocket of a client.

use std::sync::Arc;

use rtc_core::transport::channel::Connect;
use rtc_core::{Trust, Violations};

use super::{Client, ClientBuilder};
use crate::handle::{Channel, Peer};
use crate::operation::{ConnectAsMaster, ConnectAsViewer};
use crate::presign;
use crate::signaling::{Connecting, Connectors, Opener};

impl ClientBuilder {
    /// Opens WebSockets with this connector.
    pub fn connector(mut self, connector: impl Connect) -> Self {
        self.config.set_connector(connector);
        self
    }
}

impl Client {
    /// Connects to a channel as its master, and stays connected. Must be awaited inside a tokio runtime. A channel has
    /// one master: a newer one takes the place of the one before.
    ///
    /// The first connection is tried once, and once more if the service refuses it for the clock of this machine.
    ///
    /// # Errors
    /// Validation, an endpoint that the client's policy refuses, credentials that cannot be used, what finding the
    /// endpoint fails with; the handshake is refused ([`KvsError::Api`](crate::KvsError::Api)) or fails.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, arn| {
    /// use kvs_signaling::signaling::Event;
    /// use kvs_signaling::{ConnectAsMaster, ConnectAsViewer, SendAnswer, SendOffer};
    ///
    /// let (master, mut requests) = client.connect_as_master(ConnectAsMaster::new(arn)).await?;
    /// let (viewer, mut answers) = client.connect_as_viewer(ConnectAsViewer::new(arn, "viewer-1")).await?;
    /// viewer.send_offer(SendOffer::new("v=0")).await?;
    /// while let Some(event) = requests.next().await {
    ///     if let Event::SdpOffer(offer) = event {
    ///         assert_eq!(offer.payload.session_description()?.sdp.expose(), "v=0");
    ///         let viewer = offer.sender_client_id.unwrap();
    ///         master.send_answer(SendAnswer::new("v=0").recipient_client_id(viewer)).await?;
    ///         break;
    ///     }
    /// }
    /// while let Some(event) = answers.next().await {
    ///     if let Event::SdpAnswer(answer) = event {
    ///         assert_eq!(answer.sender_client_id, None);
    ///         break;
    ///     }
    /// }
    /// master.close().await;
    /// viewer.close().await;
    /// # Ok(()) });
    /// ```
    pub fn connect_as_master(&self, request: ConnectAsMaster) -> Connecting {
        let checked = request.validate();
        let ConnectAsMaster { channel_arn, endpoint, .. } = request;
        self.connecting(checked, channel_arn, Peer::Master, endpoint)
    }

    /// Connects to a channel as a viewer, and stays connected. Must be awaited inside a tokio runtime. A newer viewer
    /// with the same client id takes the place of the one before.
    ///
    /// The first connection is tried once, and once more if the service refuses it for the clock of this machine.
    ///
    /// # Errors
    /// As [`connect_as_master`](Self::connect_as_master).
    pub fn connect_as_viewer(&self, request: ConnectAsViewer) -> Connecting {
        let checked = request.validate();
        let ConnectAsViewer { channel_arn, client_id, endpoint, .. } = request;
        self.connecting(checked, channel_arn, Peer::Viewer(client_id), endpoint)
    }

    fn connecting(
        &self,
        checked: Result<(), Violations>,
        arn: String,
        peer: Peer,
        endpoint: Option<String>,
    ) -> Connecting {
        let allowed = || match &endpoint {
            Some(url) => {
                let read = self.caller.policy().parse_websocket(url, Trust::Configured);
                read.map(drop).map_err(|error| Violations::from(error.to_violation(presign::ENDPOINT)))
            }
            None => Ok(()),
        };
        let allowed = checked.and_then(|()| allowed());
        Connecting::new(allowed.map(|()| Opener {
            client: self.clone(),
            arn: Arc::from(arn),
            peer,
            endpoint,
        }))
    }

    pub(crate) fn connectors(&self) -> &Connectors {
        &self.shared.connectors
    }
}

impl Channel {
    /// Connects as the master of the channel, as [`Client::connect_as_master`] does.
    ///
    /// # Errors
    /// As [`Client::connect_as_master`].
    pub fn connect_as_master(&self) -> Connecting {
        self.client().connect_as_master(ConnectAsMaster::new(self.arn()))
    }

    /// Connects as a viewer of the channel, as [`Client::connect_as_viewer`] does.
    ///
    /// # Errors
    /// As [`Client::connect_as_viewer`].
    pub fn connect_as_viewer(&self, client_id: impl Into<String>) -> Connecting {
        self.client().connect_as_viewer(ConnectAsViewer::new(self.arn(), client_id))
    }
}
