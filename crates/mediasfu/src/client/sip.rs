//! Telephone calls.

use super::Client;
use crate::operation::{
    Call, EndSipCall, GetSipCallState, GetSipCallSummary, HoldSipCall, ListSipCalls, OfferSipCallback,
    PauseSipRecording, PlaySipAudio, ResumeSipRecording, StartSipAgent, StartSipCall, StopSipAgent,
    StopSipRecording, SwitchSipSource, UnholdSipCall, UpdateSipPlayToAll, UpdateSipTemplate,
};

impl Client {
    /// Lists telephone calls. The service takes one such call in 5 s per account: the client waits for its turn, within the
    /// time limit of the call. `.items()` reads page after page.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::ListSipCalls;
    ///
    /// # let id = doc::telephone(&client, &room).await;
    /// let calls = client.list_sip_calls(ListSipCalls::new().room_name(&room.room_name).limit(50)).await?.calls;
    /// assert_eq!(calls[0].sip_call_id.as_deref(), Some(id.as_str()));
    /// # Ok(()) });
    /// ```
    pub fn list_sip_calls(&self, request: ListSipCalls) -> Call<ListSipCalls> {
        self.caller.call(request).pace(self.pace.clone())
    }

    /// Gives figures about telephone calls.
    ///
    /// What the service answers is not documented: see [`Raw`](crate::Raw).
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::GetSipCallSummary;
    ///
    /// let summary = client.get_sip_call_summary(GetSipCallSummary::new()).await?;
    /// println!("{summary:?}");
    /// # Ok(()) });
    /// ```
    pub fn get_sip_call_summary(&self, request: GetSipCallSummary) -> Call<GetSipCallSummary> {
        self.caller.call(request)
    }

    /// Gives one telephone call.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::GetSipCallState;
    ///
    /// # let id = doc::telephone(&client, &room).await;
    /// let call = client.get_sip_call_state(GetSipCallState::new(id)).await?;
    /// assert_eq!(call.room_name.as_ref(), Some(&room.room_name));
    /// # Ok(()) });
    /// ```
    pub fn get_sip_call_state(&self, request: GetSipCallState) -> Call<GetSipCallState> {
        self.caller.call(request)
    }

    /// Calls a telephone number from a room. It is not repeated after a lost answer: it may ring already.
    ///
    /// What the service answers is not documented: see [`Raw`](crate::Raw).
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::{StartSipCall, Urgency};
    ///
    /// let call = StartSipCall::new("+15551234567", "+15557654321", &room.room_name, "hostUser").urgency(Urgency::High);
    /// let answer = client.start_sip_call(call).await?;
    /// println!("{answer:?}");
    /// # Ok(()) });
    /// ```
    pub fn start_sip_call(&self, request: StartSipCall) -> Call<StartSipCall> {
        self.caller.call(request)
    }

    /// Ends a telephone call.
    ///
    /// What the service answers is not documented: see [`Raw`](crate::Raw).
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::{EndSipCall, GetSipCallState, SipCallStatus};
    ///
    /// # let id = doc::telephone(&client, &room).await;
    /// client.end_sip_call(EndSipCall::new(&id).reason("The caller hung up")).await?;
    /// let call = client.get_sip_call_state(GetSipCallState::new(id)).await?;
    /// assert_eq!(call.status, Some(SipCallStatus::Ended));
    /// # Ok(()) });
    /// ```
    pub fn end_sip_call(&self, request: EndSipCall) -> Call<EndSipCall> {
        self.caller.call(request)
    }

    /// Puts a telephone call on hold.
    ///
    /// What the service answers is not documented: see [`Raw`](crate::Raw).
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::{GetSipCallState, HoldSipCall, SipCallStatus};
    ///
    /// # let id = doc::telephone(&client, &room).await;
    /// client.hold_sip_call(HoldSipCall::new(&id).with_message("One moment").pause_recording(true)).await?;
    /// let call = client.get_sip_call_state(GetSipCallState::new(id)).await?;
    /// assert_eq!(call.status, Some(SipCallStatus::OnHold));
    /// # Ok(()) });
    /// ```
    pub fn hold_sip_call(&self, request: HoldSipCall) -> Call<HoldSipCall> {
        self.caller.call(request)
    }

    /// Takes a telephone call off hold.
    ///
    /// What the service answers is not documented: see [`Raw`](crate::Raw).
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::{HoldSipCall, UnholdSipCall};
    ///
    /// # let id = doc::telephone(&client, &room).await;
    /// client.hold_sip_call(HoldSipCall::new(&id)).await?;
    /// client.unhold_sip_call(UnholdSipCall::new(id)).await?;
    /// # Ok(()) });
    /// ```
    pub fn unhold_sip_call(&self, request: UnholdSipCall) -> Call<UnholdSipCall> {
        self.caller.call(request)
    }

    /// Hands a telephone call over to the agent or to a human.
    ///
    /// What the service answers is not documented: see [`Raw`](crate::Raw).
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::{GetSipCallState, SipSource, SwitchSipSource};
    ///
    /// # let id = doc::telephone(&client, &room).await;
    /// client.switch_sip_source(SwitchSipSource::new(&id, SipSource::Human).human_name("Ann")).await?;
    /// let call = client.get_sip_call_state(GetSipCallState::new(id)).await?;
    /// assert_eq!(call.human_participant_name.as_deref(), Some("Ann"));
    /// # Ok(()) });
    /// ```
    pub fn switch_sip_source(&self, request: SwitchSipSource) -> Call<SwitchSipSource> {
        self.caller.call(request)
    }

    /// Lets the agent talk in a telephone call.
    ///
    /// What the service answers is not documented: see [`Raw`](crate::Raw).
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::StartSipAgent;
    ///
    /// # let id = doc::telephone(&client, &room).await;
    /// client.start_sip_agent(StartSipAgent::new(id)).await?;
    /// # Ok(()) });
    /// ```
    pub fn start_sip_agent(&self, request: StartSipAgent) -> Call<StartSipAgent> {
        self.caller.call(request)
    }

    /// Silences the agent of a telephone call.
    ///
    /// What the service answers is not documented: see [`Raw`](crate::Raw).
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::StopSipAgent;
    ///
    /// # let id = doc::telephone(&client, &room).await;
    /// client.stop_sip_agent(StopSipAgent::new(id)).await?;
    /// # Ok(()) });
    /// ```
    pub fn stop_sip_agent(&self, request: StopSipAgent) -> Call<StopSipAgent> {
        self.caller.call(request)
    }

    /// Offers the caller to be called back.
    ///
    /// What the service answers is not documented: see [`Raw`](crate::Raw).
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::OfferSipCallback;
    ///
    /// # let id = doc::telephone(&client, &room).await;
    /// client.offer_sip_callback(OfferSipCallback::new(id)).await?;
    /// # Ok(()) });
    /// ```
    pub fn offer_sip_callback(&self, request: OfferSipCallback) -> Call<OfferSipCallback> {
        self.caller.call(request)
    }

    /// Plays something into a telephone call: a text is spoken, an address is played.
    ///
    /// What the service answers is not documented: see [`Raw`](crate::Raw).
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::PlaySipAudio;
    ///
    /// # let id = doc::telephone(&client, &room).await;
    /// client.play_sip_audio(PlaySipAudio::new(id, "All our agents are busy").repeat(true)).await?;
    /// # Ok(()) });
    /// ```
    pub fn play_sip_audio(&self, request: PlaySipAudio) -> Call<PlaySipAudio> {
        self.caller.call(request)
    }

    /// Says whether what is played into a telephone call is heard in the room, too.
    ///
    /// What the service answers is not documented: see [`Raw`](crate::Raw).
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::UpdateSipPlayToAll;
    ///
    /// # let id = doc::telephone(&client, &room).await;
    /// client.update_sip_play_to_all(UpdateSipPlayToAll::new(id, true)).await?;
    /// # Ok(()) });
    /// ```
    pub fn update_sip_play_to_all(&self, request: UpdateSipPlayToAll) -> Call<UpdateSipPlayToAll> {
        self.caller.call(request)
    }

    /// Sets values of the agent's template: at most 50 texts, numbers or booleans.
    ///
    /// What the service answers is not documented: see [`Raw`](crate::Raw).
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::UpdateSipTemplate;
    ///
    /// # let id = doc::telephone(&client, &room).await;
    /// let values = serde_json::json!({ "customer": "Ann", "orders": 3 });
    /// client.update_sip_template(UpdateSipTemplate::new(id, values)).await?;
    /// # Ok(()) });
    /// ```
    pub fn update_sip_template(&self, request: UpdateSipTemplate) -> Call<UpdateSipTemplate> {
        self.caller.call(request)
    }

    /// Pauses the recording of a telephone call.
    ///
    /// What the service answers is not documented: see [`Raw`](crate::Raw).
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::PauseSipRecording;
    ///
    /// # let id = doc::telephone(&client, &room).await;
    /// client.pause_sip_recording(PauseSipRecording::new(id)).await?;
    /// # Ok(()) });
    /// ```
    pub fn pause_sip_recording(&self, request: PauseSipRecording) -> Call<PauseSipRecording> {
        self.caller.call(request)
    }

    /// Goes on with the recording of a telephone call.
    ///
    /// What the service answers is not documented: see [`Raw`](crate::Raw).
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::ResumeSipRecording;
    ///
    /// # let id = doc::telephone(&client, &room).await;
    /// client.resume_sip_recording(ResumeSipRecording::new(id)).await?;
    /// # Ok(()) });
    /// ```
    pub fn resume_sip_recording(&self, request: ResumeSipRecording) -> Call<ResumeSipRecording> {
        self.caller.call(request)
    }

    /// Ends the recording of a telephone call.
    ///
    /// What the service answers is not documented: see [`Raw`](crate::Raw).
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::StopSipRecording;
    ///
    /// # let id = doc::telephone(&client, &room).await;
    /// client.stop_sip_recording(StopSipRecording::new(id)).await?;
    /// # Ok(()) });
    /// ```
    pub fn stop_sip_recording(&self, request: StopSipRecording) -> Call<StopSipRecording> {
        self.caller.call(request)
    }
}
