//! What must come of a fault: written down once, by what is documented, not asked of the clients.

use crate::faults::{After, Fault, Fault::*};
use crate::operations::{Class, Kind, Op};
use crate::tls::Certificate;

/// What must come of a cell.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expected {
    /// A good answer after one request.
    Done,
    /// So many bytes after one request, and more as long as they are read.
    Flows(u64),
    /// This kind of error after so many requests: at least, at most.
    Fails(&'static str, (usize, usize)),
    /// Nothing: the fault is none here.
    Not(&'static str),
}
use Expected::{Done, Fails, Flows, Not};

/// Three attempts are the default.
const ATTEMPTS: usize = 3;
const ONCE: (usize, usize) = (1, 1);

pub(crate) fn expect(fault: Fault, op: &Op) -> Expected {
    let most = attempts(op);
    // What may have arrived is sent again only if twice is as once.
    let unsure = match op.class {
        Class::Never => ONCE,
        Class::Safe | Class::Key => (most, most),
    };
    // What was refused without effect is sent again, whatever it is.
    let refused = (most, most);
    match fault {
        Refused => Fails("connection", (0, 0)),
        ResetAtOnce => Fails("connection", (0, 0)),
        ClosedUnanswered | ResetUnanswered | ClosedInHead | ResetInHead => Fails("connection", unsure),
        _ if op.kind == Kind::Stream && in_body(fault).is_some() => in_body(fault).unwrap_or(Done),
        ClosedInBody | ResetInBody | ChunkCut => Fails("connection", unsure),
        ResetAfter => Done,
        // A machine under load may not even have sent it in a quarter of a second.
        Unanswered | StalledHead | StalledBody | SlowHead | SlowBody => Fails("timeout", (0, 1)),
        NotHttp | HeadTooLarge | TwoLengths | ClaimedTooLarge | TooLarge => Fails("protocol", ONCE),
        // It is JSON, and nobody asks what it says; only Amazon's answers are always objects.
        DeepJson if op.kind == Kind::Nothing && op.provider != "kvs-signaling" => Done,
        Garbage | Html | CutJson | DeepJson => unreadable(op),
        HtmlBadGateway => Fails("unavailable", unsure),
        Empty => empty(op),
        WrongType | Bom | TwiceHeaders | WrongDate => Done,
        ErrorInside => error_inside(op),
        Echo => Fails("invalid_input", ONCE),
        Status(status) => by_status(status, op, unsure, refused),
        RetryAfter(429, After::Hour | After::Future | After::Absurd) => Fails("rate_limited", ONCE),
        RetryAfter(429, _) => Fails("rate_limited", refused),
        RetryAfter(_, After::Now) => Fails("unavailable", unsure),
        RetryAfter(..) => Fails("unavailable", ONCE),
        Redirect { .. } => Fails("protocol", ONCE),
        ClockSkew if op.provider != "kvs-signaling" => Not("it signs no time that the provider compares"),
        // Once more with the time of the provider.
        ClockSkew => Fails("unauthenticated", (2, 2)),
        Tls(Certificate::Good) => Done,
        Tls(_) => Fails("connection", (0, 0)),
    }
}

/// What comes of a file that the caller reads as it arrives. Where the server tells the length, the rest is asked for
/// once; a server that begins anew then is taken for one that cannot go on.
fn in_body(fault: Fault) -> Option<Expected> {
    Some(match fault {
        ClosedInBody | ResetInBody => Fails("connection", (2, 2)),
        ChunkCut => Fails("connection", ONCE),
        StalledBody | ClaimedTooLarge => Fails("timeout", (0, 2)),
        // Neither is wrong for a film: no time limit and no bound but those of the reader.
        SlowBody => Flows(5),
        TooLarge => Flows(4 << 20),
        _ => return None,
    })
}

/// Amazon's own SDKs send these two twice at most.
fn attempts(op: &Op) -> usize {
    if op.name.starts_with("join_storage_session") { 2 } else { ATTEMPTS }
}

fn by_status(status: u16, op: &Op, unsure: (usize, usize), refused: (usize, usize)) -> Expected {
    match (status, op.provider) {
        (400, _) => Fails("invalid_input", ONCE),
        // OpenTok tells a bad token by 403.
        (401, _) | (403, "opentok") => Fails("unauthenticated", ONCE),
        (403, _) => Fails("permission_denied", ONCE),
        (404, _) => Fails("not_found", ONCE),
        (409, _) => Fails("conflict", ONCE),
        (429, _) => Fails("rate_limited", refused),
        // Their own errors do not pass; those of what stands before them do.
        (500, "mediasfu" | "sora-rpc") => Fails("unavailable", ONCE),
        (504, _) => Fails("timeout", unsure),
        _ => Fails("unavailable", unsure),
    }
}

/// A body that is not an answer of the provider.
fn unreadable(op: &Op) -> Expected {
    match op.kind {
        Kind::Head | Kind::Stream => Not("the answer is in its head"),
        _ => Fails("protocol", ONCE),
    }
}

fn empty(op: &Op) -> Expected {
    match op.kind {
        Kind::Json | Kind::Text => Fails("protocol", ONCE),
        _ => Done,
    }
}

fn error_inside(op: &Op) -> Expected {
    match (op.provider, op.kind) {
        ("enablex" | "mediasfu", Kind::Stream | Kind::Head) => Not("the answer is in its head"),
        ("enablex" | "mediasfu", _) => Fails("other", ONCE),
        // By the code in its error document.
        ("opentok", _) if op.name == "create_session" => Fails("unauthenticated", ONCE),
        _ => Not("the provider has no such form"),
    }
}
