//! Every operation once, at a server that always answers the same.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use mediasfu::*;
use rtc_core::http::{Request, Response};
use rtc_core::{Body, Bytes, Limits, RetryPolicy, Transport, TransportError};
use serde_json::json;

use super::common::{KEY, OFFER, USER, WHEP, WHIP, clock, room};

/// Gives every request the same answer, and keeps the requests.
#[derive(Debug, Clone)]
pub struct Always {
    answer: Arc<Response<Bytes>>,
    requests: Arc<Mutex<Vec<Request<Bytes>>>>,
}

impl Always {
    pub fn new(answer: Response<impl Into<Bytes>>) -> Self {
        Self { answer: Arc::new(answer.map(Into::into)), requests: Arc::default() }
    }

    pub fn json(status: u16, body: impl Into<Bytes>) -> Self {
        Self::new(Response::builder().status(status).body(body.into()).unwrap())
    }

    pub fn requests(&self) -> Vec<Request<Bytes>> {
        self.requests.lock().unwrap().clone()
    }

    /// A client of the cloud that is answered so, and tries once.
    pub fn client(&self) -> Client {
        self.builder().build().unwrap()
    }

    pub fn builder(&self) -> ClientBuilder {
        let builder = Client::builder(Credentials::new(USER, KEY)).transport(self.clone()).clock(clock());
        builder.paced(false).retry(RetryPolicy::none())
    }
}

impl Transport for Always {
    async fn send(
        &self,
        request: Request<Bytes>,
        _limits: Limits,
    ) -> std::result::Result<Response<Body>, TransportError> {
        self.requests.lock().unwrap().push(request);
        Ok((*self.answer).clone().map(Body::full))
    }
}

/// What came of each, its output as it is printed.
pub type Outcomes = BTreeMap<&'static str, Result<String>>;

fn shown<T: Debug>(result: Result<T>) -> Result<String> {
    result.map(|output| format!("{output:?}"))
}

macro_rules! each {
    ($client:ident: $($operation:ident($request:expr);)*) => {
        BTreeMap::from([$((stringify!($operation), shown(Box::pin($client.$operation($request).into_future()).await))),*])
    };
}

pub async fn every(client: &Client) -> Outcomes {
    let call = "c@10.0.0.1";
    each! { client:
        create_room(room());
        join_room(JoinRoom::new("s1", "guest1"));
        delete_room(DeleteRoom::new("s1"));
        list_rooms(ListRooms::new());
        get_event_settings(GetEventSettings::new());
        create_event_settings(CreateEventSettings::new());
        update_event_settings(UpdateEventSettings::new());
        list_sip_configs(ListSipConfigs::new());
        list_sip_calls(ListSipCalls::new());
        get_sip_call_summary(GetSipCallSummary::new());
        get_sip_call_state(GetSipCallState::new(call));
        start_sip_call(StartSipCall::new("+15551234567", "+15557654321", "s1", "host"));
        end_sip_call(EndSipCall::new(call));
        hold_sip_call(HoldSipCall::new(call));
        unhold_sip_call(UnholdSipCall::new(call));
        switch_sip_source(SwitchSipSource::new(call, SipSource::Agent));
        start_sip_agent(StartSipAgent::new(call));
        stop_sip_agent(StopSipAgent::new(call));
        offer_sip_callback(OfferSipCallback::new(call));
        play_sip_audio(PlaySipAudio::new(call, "x"));
        update_sip_play_to_all(UpdateSipPlayToAll::new(call, true));
        update_sip_template(UpdateSipTemplate::new(call, json!({})));
        pause_sip_recording(PauseSipRecording::new(call));
        resume_sip_recording(ResumeSipRecording::new(call));
        stop_sip_recording(StopSipRecording::new(call));
        create_external_session(CreateExternalSession::new("s1", "cam", "host", Ingest::new(["audio"])));
        get_external_session(GetExternalSession::new("s1", "ems_1"));
        delete_external_session(DeleteExternalSession::new("s1", "ems_1"));
        create_playback(CreatePlayback::new("s1", "ems_1", ["audio"]));
        delete_playback(DeletePlayback::new("s1", "emp_1"));
        publish_whip(PublishWhip::new(WHIP, "media-token", OFFER));
        play_whep(PlayWhep::new(WHEP, "media-token", OFFER));
        get_whep_profile(GetWhepProfile::new(WHEP));
        delete_media_resource(DeleteMediaResource::new(WHIP, "media-token"));
        check_session(CheckSession::new());
        list_disposable_keys(ListDisposableKeys::new());
        manage_disposable_key(ManageDisposableKey::new(KeyAction::Create));
        get_disposable_key_usage(GetDisposableKeyUsage::new().name("n"));
        get_disposable_key_quota(GetDisposableKeyQuota::new());
    }
}
