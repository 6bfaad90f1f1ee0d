//! No secret in anything that is formatted: every credential, request, answer, client and error type is
//! given a canary and printed in every way there is.

use std::fmt::{Debug, Display};

const CANARY: &str = "canary1234567890canary1234567890canary12";

fn silent(value: &(impl Debug + ?Sized)) {
    for text in [format!("{value:?}"), format!("{value:#?}")] {
        assert!(!text.contains(CANARY), "a secret was printed: {text}");
    }
}

fn silent_error(error: &(impl Debug + Display)) {
    silent(error);
    assert!(!error.to_string().contains(CANARY), "a secret was printed: {error}");
}

#[path = "redaction/opentok.rs"]
mod opentok_values;
