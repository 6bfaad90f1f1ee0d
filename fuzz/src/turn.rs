//! TURN servers and ICE candidates. What reads them is private to a crate with a whole WebRTC stack, which would be
//! compiled for nothing: the sources themselves are taken in.

#[allow(dead_code)]
#[path = "../../crates/sora-rpc/src/connection/sdp.rs"]
mod sdp;
#[allow(dead_code, unreachable_pub)]
#[path = "../../crates/sora-rpc/src/connection/relay/url.rs"]
mod url;
#[allow(dead_code, unreachable_pub)]
#[path = "../../crates/sora-rpc/src/connection/relay/wire.rs"]
mod wire;

use std::io::Cursor;
use std::task::{Context, Poll, Waker};

use rtc_core::{EndpointPolicy, Trust};

use crate::bytes;

pub(crate) fn server(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(server) = url::Server::parse(text) {
        let (scheme, transport) = match server.carrier {
            url::Carrier::Udp => ("turn", "udp"),
            url::Carrier::Tcp => ("turn", "tcp"),
            url::Carrier::Tls => ("turns", "tcp"),
        };
        let v6 = server.host.contains(':');
        let host = if v6 { format!("[{}]", server.host) } else { server.host.clone() };
        let written = format!("{scheme}:{host}:{}?transport={transport}", server.port);
        assert_eq!(url::Server::parse(&written).as_ref(), Some(&server), "{written}");
    }
}

pub(crate) fn server_seeds() -> Vec<Vec<u8>> {
    bytes(&["turn:turn.example:443?transport=TCP", "turns:[2001:db8::1]", "TURN:192.0.2.1:19302", "stun:a"])
}

/// No address that the policy refuses gets past it, and there is an end to the rest.
pub(crate) fn offer(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let policy = EndpointPolicy::default();
    let checked = sdp::check(text, &policy);
    for peer in &checked.peers {
        policy.check_address(&peer.to_string(), *peer, Trust::Discovered).expect("the policy was asked");
    }
    let again = sdp::check(&checked.sdp, &policy);
    assert_eq!((&again.sdp, &again.peers), (&checked.sdp, &checked.peers), "once is enough");
    assert!(checked.peers.len() <= 64 && checked.sdp.len() <= 2 * text.len() + 2);
}

pub(crate) fn offer_seeds() -> Vec<Vec<u8>> {
    bytes(&[
        "v=0\r\na=setup:actpass\r\na=candidate:1 1 udp 2130706431 203.0.114.7 5000 typ host\r\na=candidate:2 1 tcp 1 169.254.169.254 80 typ host\r\n",
        "a=candidate:1\t1  UDP 1 2606:4700::1 9 typ host\na=candidate:6 1 udp 1 a.local 5000 typ host",
    ])
}

/// What a TURN server sends over a stream is cut into whole messages.
pub(crate) fn stream(data: &[u8]) {
    let mut wire = wire::Wire::stream(Box::new(Cursor::new(data.to_vec())));
    let mut context = Context::from_waker(Waker::noop());
    let mut cut = 0;
    loop {
        match wire.poll_recv(&mut context) {
            Poll::Ready(Ok(message)) => {
                assert!(
                    message.len() >= 20 && data[cut..].starts_with(&message),
                    "a message that was not sent"
                );
                cut += message.len();
            }
            Poll::Ready(Err(_)) => return,
            Poll::Pending => panic!("it waits for what is there"),
        }
    }
}

pub(crate) fn stream_seeds() -> Vec<Vec<u8>> {
    let message = |body: &[u8]| {
        let length = u16::try_from(body.len()).expect("a short body");
        [&[0, 0x17], &length.to_be_bytes()[..], &[0x21, 0x12, 0xA4, 0x42], &[7; 12], body].concat()
    };
    vec![message(b""), [message(b"abcd"), message(b"12345678")].concat()]
}
