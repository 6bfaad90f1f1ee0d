//! Opens connections: finds the endpoint, signs, shakes hands.

use std::sync::Arc;

use rtc_core::http::{Request, Response, StatusCode};
use rtc_core::transport::channel::{BoxChannel, Connect as _, ConnectError, SharedConnect};
use rtc_core::{
    Bytes, ClientConfig, ErrorKind, Limits, Reason, RetryHint, Secret, ServiceError as _, TransportError,
    TransportErrorKind, Trust, timeout,
};

use super::decode::MAX_MESSAGE;
use super::event::StatusResponse;
use super::message::Action;
use crate::client::Client;
use crate::error::{Error, KvsError, Result, refusal};
use crate::handle::Peer;

/// What opens the WebSockets of a client.
#[derive(Debug)]
pub(crate) struct Connectors {
    /// For addresses that the user has given.
    configured: SharedConnect,
    /// For addresses that the service names: the client's certificate is not shown there.
    discovered: SharedConnect,
    limits: Limits,
}

impl Connectors {
    pub(crate) fn new(config: &ClientConfig) -> std::result::Result<Self, TransportError> {
        let configured = config.connector()?;
        let discovered = if config.client_identity.is_some() {
            let mut anonymous = config.clone();
            anonymous.client_identity = None;
            anonymous.connector()?
        } else {
            configured.clone()
        };
        let limits = config.limits.with_body(MAX_MESSAGE as u64);
        Ok(Self { configured, discovered, limits })
    }
}

/// Opens the connections of one peer of one channel. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Opener {
    pub(crate) client: Client,
    pub(crate) arn: Arc<str>,
    pub(crate) peer: Peer,
    /// The WSS endpoint, where the user has given one.
    pub(crate) endpoint: Option<String>,
}

impl Opener {
    /// Opens a connection with a fresh signature. After a failure the endpoint is asked for again next time.
    pub(crate) async fn open(&self) -> Result<BoxChannel> {
        let opened = self.try_open().await;
        if let Err(error) = &opened
            && error.kind() != ErrorKind::RateLimited
        {
            self.forget_endpoint();
        }
        opened
    }

    pub(crate) fn forget_endpoint(&self) {
        if self.endpoint.is_none() {
            self.client.forget_endpoints(&self.arn);
        }
    }

    pub(crate) fn forget_ice_servers(&self) {
        self.client.ice_cache().invalidate_channel(&self.arn);
    }

    /// A handshake that is refused for the clock is tried once more, by the clock of the service.
    async fn try_open(&self) -> Result<BoxChannel> {
        let skew = self.client.caller().skew_ms();
        match self.shake_hands().await? {
            Err(ConnectError::Refused(response)) if self.resync(&response, skew) => {
                self.shake_hands().await?.map_err(|error| self.failed(error, 2))
            }
            opened => opened.map_err(|error| self.failed(error, 1)),
        }
    }

    async fn shake_hands(&self) -> Result<std::result::Result<BoxChannel, ConnectError>> {
        let url = self.sign().await?;
        let connectors = self.client.connectors();
        let (connector, trust) = match self.endpoint {
            Some(_) => (&connectors.configured, Trust::Configured),
            None => (&connectors.discovered, Trust::Discovered),
        };
        let limits = connectors.limits.with_trust(trust);
        let clock = self.client.caller().clock();
        // A connector of the user's own may not keep the limit by itself.
        match timeout(clock, limits.connect, connector.connect(handshake(&url)?, limits)).await {
            Some(opened) => Ok(opened),
            None => Err(TransportError::new(TransportErrorKind::ConnectTimeout).into()),
        }
    }

    /// What is opened was validated when connecting began.
    async fn sign(&self) -> Result<Secret> {
        let client_id = match &self.peer {
            Peer::Master => None,
            Peer::Viewer(client_id) => Some(client_id.as_str()),
        };
        let endpoint = self.endpoint.clone();
        let signed = self.client.presign(&self.arn, client_id, endpoint, &[]).await?;
        Ok(signed.url.unwrap_or_default())
    }

    /// Takes the clock of the service over if the handshake was refused for ours; false when that was signed by it
    /// already.
    fn resync(&self, refused: &Response<Bytes>, used: i64) -> bool {
        let hint = refusal(self.operation(), refused).map(|refusal| refusal.retry());
        hint == Some(RetryHint::ClockSkew) && self.client.caller().resync(refused.headers(), used)
    }

    fn operation(&self) -> &'static str {
        match self.peer {
            Peer::Master => "connect_as_master",
            Peer::Viewer(_) => "connect_as_viewer",
        }
    }

    fn failed(&self, error: ConnectError, attempts: u32) -> Error {
        match error {
            ConnectError::Transport(error) => error.into(),
            ConnectError::Refused(response) => match refusal(self.operation(), &response) {
                Some(refusal) => Error::new(Reason::Service(refusal)).with_exchange(attempts, true),
                None => {
                    let error = TransportError::new(TransportErrorKind::Protocol);
                    error.with_source("the service answered without opening a WebSocket").into()
                }
            },
            other => TransportError::new(TransportErrorKind::Protocol).with_source(other).into(),
        }
    }
}

fn handshake(url: &Secret) -> Result<Request<()>> {
    let invalid = || TransportError::new(TransportErrorKind::Setup("the signed URL is not valid".into()));
    Ok(Request::get(url.expose()).body(()).map_err(|_| invalid())?)
}

/// Whether the same handshake will be refused again. Credentials that could not be had may come, and a channel that is
/// in use at the moment is not so for ever.
pub(crate) fn is_permanent(error: &Error) -> bool {
    match error.reason() {
        Reason::Validation(_) | Reason::Endpoint(_) | Reason::Refused(_) => true,
        Reason::Service(refused) => matches!(
            refused.kind(),
            ErrorKind::InvalidInput
                | ErrorKind::Unauthenticated
                | ErrorKind::PermissionDenied
                | ErrorKind::NotFound
        ),
        _ => false,
    }
}

/// The error that a refusal of a message is, for its sender.
pub(crate) fn refused_message(action: Action, status: &StatusResponse) -> Error {
    let code = status.status_code.and_then(|code| StatusCode::from_u16(code).ok());
    let code = code.filter(|code| code.is_client_error() || code.is_server_error());
    let refused = KvsError::Api {
        operation: action.operation(),
        status: code.unwrap_or(StatusCode::BAD_REQUEST),
        exception: status.error_type.clone(),
        message: status.description.clone().unwrap_or_default(),
        body: String::new(),
    };
    Error::new(Reason::Service(refused)).with_exchange(1, true)
}
