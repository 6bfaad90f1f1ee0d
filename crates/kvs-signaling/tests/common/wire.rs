//! The service at the other end of channels inside this process.
#![allow(dead_code, reason = "not every test uses all of it")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use kvs_signaling::signaling::{Connecting, Event, Signaling, SignalingEvents, SignalingOptions};
use kvs_signaling::{Client, ConnectAsMaster, ConnectAsViewer, Credentials};
use rtc_core::http::{Request, Response};
use rtc_core::testing::{LoopChannel, ManualClock, ScriptedTransport, pair};
use rtc_core::transport::channel::{Channel as _, Connect, ConnectError, Frame};
use rtc_core::{Bytes, Limits};
use serde_json::{Value, json};
use tokio::sync::mpsc;

pub(crate) const ARN: &str = "arn:aws:kinesisvideo:us-west-2:123456789012:channel/demo/1234567890123";
pub(crate) const WSS: &str = "wss://m-1.kinesisvideo.us-west-2.amazonaws.com";

/// What becomes of the next handshakes; then they succeed.
pub(crate) enum Handshake {
    Accept,
    Refuse(u16, &'static str),
    /// Refused for the clock, at this date.
    Late(&'static str),
    Hang,
}

/// Hands the service's ends of new connections to the test.
#[derive(Clone)]
pub(crate) struct Wire {
    script: Arc<Mutex<VecDeque<Handshake>>>,
    urls: Arc<Mutex<Vec<String>>>,
    accepted: mpsc::UnboundedSender<LoopChannel>,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wire")
    }
}

impl Wire {
    pub(crate) fn script(&self, steps: impl IntoIterator<Item = Handshake>) {
        self.script.lock().unwrap().extend(steps);
    }

    /// The signed URLs so far.
    pub(crate) fn urls(&self) -> Vec<String> {
        self.urls.lock().unwrap().clone()
    }
}

impl Connect for Wire {
    type Channel = LoopChannel;

    async fn connect(&self, handshake: Request<()>, _limits: Limits) -> Result<LoopChannel, ConnectError> {
        self.urls.lock().unwrap().push(handshake.uri().to_string());
        let step = self.script.lock().unwrap().pop_front();
        match step {
            None | Some(Handshake::Accept) => {
                let (client, service) = pair();
                self.accepted.send(service).unwrap();
                Ok(client)
            }
            Some(Handshake::Refuse(status, name)) => {
                let response = Response::builder().status(status).header("x-amzn-errortype", name);
                let body = Bytes::from_static(br#"{"Message":"no"}"#);
                Err(ConnectError::Refused(Box::new(response.body(body).unwrap())))
            }
            Some(Handshake::Late(date)) => {
                let response = Response::builder().status(403).header("date", date);
                let response = response.header("x-amzn-errortype", "InvalidSignatureException");
                let body = Bytes::from_static(br#"{"message":"Signature expired: it is too late"}"#);
                Err(ConnectError::Refused(Box::new(response.body(body).unwrap())))
            }
            Some(Handshake::Hang) => std::future::pending().await,
        }
    }
}

/// A client on a manual clock, and the service that it talks to.
pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) wire: Wire,
    pub(crate) client: Client,
    accepted: mpsc::UnboundedReceiver<LoopChannel>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(&ScriptedTransport::new())
    }

    /// REST calls go to this transport.
    pub(crate) fn with(transport: &ScriptedTransport) -> Self {
        let clock = ManualClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_305_600));
        let (sender, accepted) = mpsc::unbounded_channel();
        let wire = Wire { script: Arc::default(), urls: Arc::default(), accepted: sender };
        let client = Client::builder(Credentials::new("AKIDEXAMPLE", "secret"))
            .region("us-west-2")
            .clock(clock.clone())
            .transport(transport.clone())
            .retry(rtc_core::RetryPolicy::none())
            .connector(wire.clone())
            .build()
            .unwrap();
        Self { clock, wire, client, accepted }
    }

    pub(crate) fn viewer(&self) -> Connecting {
        self.client.connect_as_viewer(ConnectAsViewer::new(ARN, "viewer-1").endpoint(WSS))
    }

    pub(crate) fn master(&self) -> Connecting {
        self.client.connect_as_master(ConnectAsMaster::new(ARN).endpoint(WSS))
    }

    /// Connects, and gives the service's end, too. The event of it is read.
    pub(crate) async fn connected(
        &mut self,
        options: SignalingOptions,
    ) -> (Signaling, SignalingEvents, Service) {
        let (signaling, mut events) = self.viewer().options(options).await.unwrap();
        assert!(matches!(events.next().await, Some(Event::Connected)));
        (signaling, events, self.accept().await)
    }

    /// The service's end of the next connection.
    pub(crate) async fn accept(&mut self) -> Service {
        Service(self.accepted.recv().await.unwrap())
    }

    /// The same, if there is one by now.
    pub(crate) async fn accepted(&mut self) -> Option<Service> {
        settle().await;
        self.accepted.try_recv().ok().map(Service)
    }

    pub(crate) async fn advance(&self, ms: u64) {
        settle().await;
        self.clock.advance(Duration::from_millis(ms));
        settle().await;
    }
}

/// Lets everything run that can.
pub(crate) async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

/// The service's end of a connection.
pub(crate) struct Service(pub(crate) LoopChannel);

impl Service {
    /// The next message of the client; its pings are answered on the way.
    pub(crate) async fn message(&mut self) -> Value {
        loop {
            match self.0.recv().await {
                Some(Ok(Frame::Text(text))) => return serde_json::from_str(&text).unwrap(),
                Some(Ok(Frame::Ping(content))) => self.0.send(Frame::Pong(content)).await.unwrap(),
                other => panic!("{other:?}"),
            }
        }
    }

    /// The next frame; nothing is answered.
    pub(crate) async fn frame(&mut self) -> Option<Frame> {
        self.0.recv().await.map(Result::unwrap)
    }

    /// The next ping, which is answered.
    pub(crate) async fn pong(&mut self) {
        match self.frame().await {
            Some(Frame::Ping(content)) => self.0.send(Frame::Pong(content)).await.unwrap(),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn say(&mut self, message: &Value) {
        self.0.send(Frame::Text(message.to_string())).await.unwrap();
    }

    /// A message of the master with this text as its SDP.
    pub(crate) async fn sdp(&mut self, kind: &str, text: &str) {
        use base64::Engine as _;
        let payload = json!({ "type": "offer", "sdp": text }).to_string();
        let payload = base64::engine::general_purpose::STANDARD.encode(payload);
        self.say(&json!({ "messageType": kind, "messagePayload": payload })).await;
    }

    pub(crate) async fn candidate(&mut self, text: &str) {
        use base64::Engine as _;
        let payload =
            base64::engine::general_purpose::STANDARD.encode(json!({ "candidate": text }).to_string());
        self.say(&json!({ "messageType": "ICE_CANDIDATE", "messagePayload": payload })).await;
    }

    pub(crate) async fn refuse(&mut self, correlation_id: &Value, name: &str) {
        self.say(&json!({ "messageType": "STATUS_RESPONSE", "statusResponse": {
            "correlationId": correlation_id, "errorType": name, "statusCode": "400", "success": false,
        } }))
        .await;
    }
}
