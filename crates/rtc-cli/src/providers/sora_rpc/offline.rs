//! For conformance: a peer without a connection. The state of a case sets it up, its answer stands for the
//! server's, and frames and outcomes tell what became of the calls.

mod signaling;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rtc_core::{DecodeError, Reason};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sora_rpc::signaling::{Event, Signaling};
use sora_rpc::{Answer, CallOptions, Error, Message, Offer, Peer, PeerOptions, SoraError, compress};

pub(super) use self::signaling::{connect, disconnect, parse_event, parse_offer};

use super::now;
use crate::input::Input;
use crate::outcome::{Outcome, Run};

/// The offer that a state stands for; by default one that lists `rpc` and permits `methods`.
fn offer(state: &Value, methods: &[&str]) -> Offer {
    let webhook = state.get("auth_webhook_reply").and_then(|reply| reply.get("rpc_methods"));
    let methods = state.get("rpc_methods").or(webhook).cloned().unwrap_or_else(|| json!(methods));
    let channels = state.get("data_channels").cloned().unwrap_or_else(|| json!([{ "label": "rpc" }]));
    let message = json!({ "type": "offer", "rpc_methods": methods, "data_channels": channels });
    // It has just been made.
    Offer::parse(message.to_string().as_bytes()).unwrap_or_default()
}

/// A peer in the state of a case.
fn peer(state: &Value, methods: &[&str]) -> Peer<()> {
    let first = state.get("next_id").and_then(Value::as_u64);
    let pending: Vec<u64> = state
        .get("pending_ids")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_u64)
        .collect();
    let first_id = pending.iter().min().copied().or(first).unwrap_or(1);
    let mut peer = Peer::new(PeerOptions::new().first_id(first_id));
    for id in pending {
        peer.skip_to(id);
        if let Ok(message) = Message::raw("m", None) {
            let _ = peer.call(message, &CallOptions::new().unchecked().no_timeout(), Instant::now(), ());
        }
    }
    let offer = offer(state, methods);
    // Nobody waits for the calls of a state.
    let _ = peer.offer(offer.rpc, offer.rpc_methods);
    let open = state.get("rpc_channel_state").and_then(Value::as_str);
    peer.set_open(open.is_none_or(|open| open == "open"));
    peer
}

fn options(state: &Value) -> CallOptions {
    let limit = state.get("timeout_ms").and_then(Value::as_u64);
    limit.map_or_else(CallOptions::new, |ms| CallOptions::new().timeout(Duration::from_millis(ms)))
}

/// The message of an answer.
fn message(answer: &Value) -> Vec<u8> {
    match (answer.get("body_hex"), answer.get("body_text"), answer.get("body")) {
        (Some(Value::String(hex)), _, _) => unhex(hex),
        (_, Some(Value::String(text)), _) => text.clone().into_bytes(),
        (_, _, body) => body.cloned().unwrap_or_default().to_string().into_bytes(),
    }
}

fn unhex(text: &str) -> Vec<u8> {
    let byte = |at: usize| text.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    (0..text.len() / 2).filter_map(|i| byte(2 * i)).collect()
}

fn frame(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_default()
}

/// The end of a call as the case files write it.
fn end(run: &Run, outcome: sora_rpc::Result<&str>) -> Value {
    let error = match outcome {
        Ok(text) => return json!({ "output": serde_json::from_str::<Value>(text).unwrap_or_default() }),
        Err(error) => error,
    };
    let mut body = run.failed(&error).body;
    if let (Some(shown), Some(SoraError::Remote { message, data, .. })) =
        (body.get_mut("error"), error.service())
    {
        shown["message"] = json!(message);
        shown["data_present"] = json!(data.is_some());
        shown["data"] = data.clone().unwrap_or_default();
    }
    body
}

pub(super) fn call<O: DeserializeOwned + Serialize>(run: &Run, request: Message) -> Outcome {
    let mut peer = peer(&run.state, &[request.method()]);
    let (_, bytes) = match peer.call(request, &options(&run.state), now(run), ()) {
        Ok(sent) => sent,
        Err(error) => return run.failed(&error),
    };
    let answer = message(&run.answer);
    let ended = peer.receive(&answer).map(|ended| {
        let decoded = ended.outcome.map(serde_json::from_str::<O>);
        decoded.and_then(|read| read.map_err(|e| Error::new(Reason::Decode(DecodeError::json(&e)))))
    });
    let mut outcome = match ended {
        Some(Ok(output)) => run.done(&output, None, None, 1),
        Some(Err(error)) => run.failed(&error),
        // No answer in the case: what was sent is all there is.
        None => run.done(&Value::Null, None, None, 1),
    };
    outcome.frames.push(frame(&bytes));
    outcome
}

pub(super) fn notify(run: &Run, request: Message) -> Outcome {
    let mut peer = peer(&run.state, &[request.method()]);
    match peer.notify(request, &options(&run.state)) {
        Ok(bytes) => {
            let mut outcome = run.done(&Value::Null, None, None, 1);
            outcome.frames.push(frame(&bytes));
            outcome
        }
        Err(error) => run.failed(&error),
    }
}

pub(super) fn rpc_methods(run: &Run) -> Outcome {
    let peer = peer(&run.state, &[]);
    run.done(&json!({ "rpc_methods": peer.rpc_methods() }), None, None, 0)
}

pub(super) fn parse_response(run: &Run) -> Outcome {
    let mut peer = peer(&run.state, &["m"]);
    let mut outcome = run.done(&Value::Null, None, None, 0);
    for id in run.state.get("pending_ids").and_then(Value::as_array).into_iter().flatten() {
        outcome.outcomes.insert(id.to_string(), json!("pending"));
    }
    if let Some(answer) = peer.receive(&message(&run.answer)) {
        outcome.outcomes.insert(answer.id.to_string(), end(run, answer.outcome));
    }
    outcome
}

pub(super) fn decode_frame(run: &Run) -> Outcome {
    let is_compressed = run.state.get("compress") == Some(&Value::Bool(true));
    let limit = run.state.get("max_inflated").and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    let bytes = message(&run.answer);
    // A text frame is never compressed.
    let decoded = if is_compressed && run.answer.get("body_hex").is_some() {
        compress::inflate(&bytes, limit.unwrap_or(compress::MAX_INFLATED))
    } else {
        Ok(bytes)
    };
    run.local(
        decoded
            .map_err(|error| Error::new(Reason::Decode(error)))
            .map(|bytes| json!({ "inflated_len": bytes.len(), "text": String::from_utf8_lossy(&bytes) })),
    )
}

/// Plays the steps of a case; none when one of them is not known.
pub(super) fn apply_events(run: &Run, mut input: Input) -> Option<Outcome> {
    let steps = input.json("steps", "steps")?;
    let steps = steps.as_array()?;
    let method = |step: &Value| {
        let request = step.get("call").or_else(|| step.get("notify"))?;
        request.get("method")?.as_str().map(str::to_owned)
    };
    let methods: Vec<String> = steps.iter().filter_map(method).collect();
    let methods: Vec<&str> = methods.iter().map(String::as_str).collect();
    let mut player = Player {
        run,
        peer: peer(&run.state, &methods),
        signaling: None,
        offered: Vec::new(),
        now: now(run),
        names: BTreeMap::new(),
        outcome: run.done(&Value::Null, None, None, 0),
    };
    steps.iter().try_for_each(|step| player.play(step))?;
    Some(player.end())
}

struct Player<'a> {
    run: &'a Run,
    peer: Peer<()>,
    /// From the first step that needs it.
    signaling: Option<Signaling>,
    /// The labels of all offers.
    offered: Vec<String>,
    now: Instant,
    /// Names of calls by id, where a step gives one.
    names: BTreeMap<u64, String>,
    outcome: Outcome,
}

impl Player<'_> {
    fn play(&mut self, step: &Value) -> Option<()> {
        let (kind, value) = step.as_object()?.iter().find(|(name, _)| *name != "as")?;
        match kind.as_str() {
            "call" => self.call(step, value),
            "notify" => {
                if let Ok(bytes) = self.peer.notify(request(value)?, &options(&self.run.state)) {
                    self.outcome.frames.push(frame(&bytes));
                }
            }
            "recv" if value.get("type").is_some() => self.signal(|signaling| {
                signaling.websocket_message(&value.to_string());
            })?,
            "recv" => {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                if let Some(answer) = self.peer.receive(text.as_bytes()) {
                    end_of(&mut self.outcome, &self.names, self.run, answer);
                }
            }
            "open" => {
                let label = value.as_str()?;
                if label == "rpc" {
                    self.peer.set_open(true);
                }
                self.signal(|signaling| signaling.channel_opened(label))?;
            }
            "advance_ms" => {
                self.now += Duration::from_millis(value.as_u64()?);
                while let Some(answer) = self.peer.expire(self.now) {
                    end_of(&mut self.outcome, &self.names, self.run, answer);
                }
            }
            "disconnect" => {
                let lost = self.peer.disconnect();
                self.lose(lost);
                if self.signaling.is_some() {
                    self.signal(|signaling| signaling.disconnect("NO-ERROR"))?;
                }
            }
            "redirect" => {
                let location = value.get("location").unwrap_or(value).as_str()?;
                let message = json!({ "type": "redirect", "location": location }).to_string();
                self.signal(|signaling| signaling.websocket_message(&message))?;
            }
            "reconnect" => {
                let first = self.peer.next_id().unwrap_or(u64::MAX);
                let methods = self.peer.rpc_methods().to_vec();
                self.peer = Peer::new(PeerOptions::new().first_id(first));
                // Nobody waits yet.
                let _ = self.peer.offer(true, methods);
                self.signal(Signaling::websocket_opened)?;
            }
            _ => return None,
        }
        Some(())
    }

    /// Tells signaling something, and does what it says.
    fn signal(&mut self, tell: impl FnOnce(&mut Signaling)) -> Option<()> {
        if self.signaling.is_none() {
            self.signaling = Some(signaling::begun().ok()?);
        }
        let signaling = self.signaling.as_mut()?;
        tell(signaling);
        self.outcome.frames.extend(signaling::transmitted(signaling));
        while let Some(event) = self.signaling.as_mut().and_then(Signaling::poll_event) {
            let lost = match event {
                Event::Offer(offer) | Event::ReOffer(offer) => {
                    self.offered.extend(offer.data_channels.iter().map(|channel| channel.label.clone()));
                    self.peer.offer(offer.rpc, offer.rpc_methods.iter().cloned())
                }
                Event::Redirect { .. } => self.peer.redirect(),
                Event::Ended(_) => self.peer.disconnect(),
                _ => continue,
            };
            self.lose(lost);
        }
        Some(())
    }

    fn lose(&mut self, lost: Vec<Answer<'static, ()>>) {
        for answer in lost {
            end_of(&mut self.outcome, &self.names, self.run, answer);
        }
    }

    /// What came of it, with the state of signaling where there was any.
    fn end(mut self) -> Outcome {
        if let Some(signaling) = &self.signaling {
            let mut told = self.run.done(&signaling::state(signaling, &self.offered), None, None, 0);
            std::mem::swap(&mut told.body, &mut self.outcome.body);
        }
        self.outcome
    }

    fn call(&mut self, step: &Value, value: &Value) {
        let limit = value.get("timeout_ms").and_then(Value::as_u64).map(Duration::from_millis);
        let options =
            limit.map_or_else(|| options(&self.run.state), |limit| CallOptions::new().timeout(limit));
        let name = step.get("as").or_else(|| value.get("as")).and_then(Value::as_str).map(str::to_owned);
        let Some(message) = request(value) else { return };
        match self.peer.call(message, &options, self.now, ()) {
            Ok((id, bytes)) => {
                self.outcome.frames.push(frame(&bytes));
                let name = name.unwrap_or_else(|| id.to_string());
                self.outcome.outcomes.insert(name.clone(), json!("pending"));
                self.names.insert(id, name);
            }
            Err(error) => {
                let refused = end(self.run, Err(error));
                self.outcome.outcomes.insert(name.unwrap_or_default(), refused);
            }
        }
    }
}

fn end_of(outcome: &mut Outcome, names: &BTreeMap<u64, String>, run: &Run, answer: Answer<'_, ()>) {
    let name = names.get(&answer.id).cloned().unwrap_or_else(|| answer.id.to_string());
    outcome.outcomes.insert(name, end(run, answer.outcome));
}

fn request(value: &Value) -> Option<Message> {
    let method = value.get("method").and_then(Value::as_str)?;
    Message::raw(method, value.get("params").cloned()).ok()
}
