//! What of a session description matters before the stack takes it.

use std::net::IpAddr;

use rtc_core::{EndpointPolicy, Trust};

/// An offer that may be followed.
pub(super) struct Checked {
    /// The session description, without candidates that the endpoint policy refuses.
    pub(super) sdp: String,
    /// The addresses of the others.
    pub(super) peers: Vec<IpAddr>,
    /// Whether there were any candidates.
    pub(super) had_candidates: bool,
}

/// How many candidates of an offer are followed; servers have a few. Those beyond are left out.
const CANDIDATES: usize = 64;

/// Readies an offer for the stack, and takes out the candidates that the endpoint policy refuses: a server must not make
/// its clients send to any address it likes. Names, as browsers have them (`.local`), are not looked up.
pub(super) fn check(offer: &str, policy: &EndpointPolicy) -> Checked {
    let mut checked =
        Checked { sdp: String::with_capacity(offer.len() + 2), peers: Vec::new(), had_candidates: false };
    let mut followed = 0;
    for line in offer.lines() {
        if let Some(candidate) = line.strip_prefix("a=candidate:") {
            checked.had_candidates = true;
            // Written anew with single spaces: the stack splits at those only, and must not read another address here.
            let words: Vec<_> = candidate.split_ascii_whitespace().collect();
            followed += 1;
            if followed <= CANDIDATES && checked.may_follow(&words, policy) {
                checked.line(&format!("a=candidate:{}", words.join(" ")));
            }
            continue;
        }
        // The answer is then `active`, as those of browsers are: RFC 8842, section 5.3, recommends it.
        checked.line(if line.trim_end() == "a=setup:actpass" { "a=setup:passive" } else { line });
    }
    checked
}

impl Checked {
    fn line(&mut self, line: &str) {
        self.sdp.push_str(line);
        self.sdp.push_str("\r\n");
    }

    /// Judges a candidate, and remembers its address where it is reached over UDP.
    fn may_follow(&mut self, words: &[&str], policy: &EndpointPolicy) -> bool {
        let Some((address, over_udp)) = address(words) else { return false };
        if policy.check_address(&address.to_string(), address, Trust::Discovered).is_err() {
            return false;
        }
        if over_udp && !self.peers.contains(&address) {
            self.peers.push(address);
        }
        true
    }
}

/// The address of a candidate, and whether it is reached over UDP (RFC 8839, section 5.1).
fn address(words: &[&str]) -> Option<(IpAddr, bool)> {
    let [_, _, transport, _, address, ..] = words else { return None };
    Some((address.parse().ok()?, transport.eq_ignore_ascii_case("udp")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\na=setup:actpass\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n\
        a=candidate:1 1 udp 2130706431 203.0.114.7 5000 typ host\r\n\
        a=candidate:2 1 UDP 2130706431 203.0.114.7 5001 typ host\r\n\
        a=candidate:3 1 udp 2130706431 169.254.169.254 80 typ host\r\n\
        a=candidate:4 1 udp 2130706431 127.0.0.1 5000 typ host\r\n\
        a=candidate:5 1 tcp 2130706431 203.0.114.8 9 typ host tcptype active\r\n\
        a=candidate:6 1 udp 2130706431 0a1b.local 5000 typ host\r\n";

    #[test]
    fn candidates_that_the_policy_refuses_are_not_followed() {
        let checked = check(OFFER, &EndpointPolicy::default());
        assert_eq!(checked.peers, ["203.0.114.7".parse::<IpAddr>().unwrap()]);
        assert!(checked.had_candidates);
        assert!(!checked.sdp.contains("169.254.") && !checked.sdp.contains("127.0.0.1"), "{}", checked.sdp);
        assert!(checked.sdp.contains("m=application") && !checked.sdp.contains(".local"));
        assert!(checked.sdp.contains("a=setup:passive\r\n") && !checked.sdp.contains("actpass"));

        let own = rtc_core::Url::parse("ws://127.0.0.1:9/signaling").unwrap();
        let checked = check(OFFER, &EndpointPolicy::default().for_base(&own));
        assert_eq!(checked.peers.len(), 2);
        assert!(!checked.sdp.contains("169.254."), "metadata services are never reached");
    }

    #[test]
    fn a_candidate_is_what_the_stack_reads_of_it() {
        // To the stack, which splits at spaces only, the first word of this one is `1<tab>x`.
        for hidden in ["1\tx 1 udp 1 169.254.169.254 80 typ host", "1 1 udp 1 169.254.169.254\t9 80 typ host"]
        {
            let checked = check(&format!("v=0\r\na=candidate:{hidden}\r\n"), &EndpointPolicy::default());
            assert!(checked.had_candidates && checked.peers.is_empty());
            assert_eq!(checked.sdp, "v=0\r\n");
        }
    }

    #[test]
    fn no_offer_opens_sockets_without_end() {
        let line = |n: u32| format!("a=candidate:1 1 udp 1 203.0.{}.{} 9 typ host\n", n / 250, n % 250);
        let checked = check(&(0..5_000).map(line).collect::<String>(), &EndpointPolicy::default());
        assert_eq!((checked.peers.len(), checked.sdp.lines().count()), (CANDIDATES, CANDIDATES));
    }

    #[test]
    fn an_offer_without_candidates_is_no_refusal() {
        let checked = check("v=0\r\n", &EndpointPolicy::default());
        assert!(checked.peers.is_empty() && !checked.had_candidates);
    }
}
