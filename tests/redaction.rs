//! No secret in anything that is formatted: every credential, request, answer, client and error type is
//! given a canary and printed in every way there is.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

use std::error::Error;
use std::fmt::{Debug, Write};

use rtc_core::{REDACTED, Revealed};
use serde::Serialize;

const CANARY: &str = "canary1234567890canary1234567890canary12";

fn silent_text(text: &str) {
    assert!(!text.contains(CANARY), "a secret was printed: {text}");
}

fn silent(value: &(impl Debug + ?Sized)) {
    silent_text(&format!("{value:?}"));
    silent_text(&format!("{value:#?}"));
}

/// An error in all its forms: itself and what lies below it.
fn told(error: &dyn Error) -> String {
    let mut text = format!("{error} {error:#} {error:?} {error:#?}");
    let mut source = error.source();
    while let Some(cause) = source {
        write!(text, " {cause} {cause:#} {cause:?} {cause:#?}").unwrap();
        source = cause.source();
    }
    text
}

fn silent_error(error: &dyn Error) {
    silent_text(&told(error));
}

/// An answer is printed and serialised without its secrets, unless they are asked for.
fn guarded(value: &(impl Debug + Serialize + ?Sized)) {
    silent(value);
    let text = serde_json::to_string(value).unwrap();
    silent_text(&text);
    assert!(text.contains(REDACTED), "nothing stands in place of the secret: {text}");
    assert!(serde_json::to_string(&Revealed(value)).unwrap().contains(CANARY), "it cannot be revealed");
    silent(&Revealed(value));
}

#[path = "redaction/enablex.rs"]
mod enablex_values;
#[path = "redaction/kvs_signaling.rs"]
mod kvs_values;
#[path = "redaction/mediasfu.rs"]
mod mediasfu_values;
#[path = "redaction/opentok.rs"]
mod opentok_values;
#[path = "redaction/sora_rpc.rs"]
mod sora_values;
