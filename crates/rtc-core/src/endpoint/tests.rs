use proptest::prelude::{any, prop_assert, proptest};

use super::*;
use Trust::{Configured, Discovered};

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn policy() -> EndpointPolicy {
    EndpointPolicy::default()
}

#[test]
fn every_range() {
    // Allowed when configured, allowed when discovered, can be opened by `allow_net`.
    const PUBLIC: [bool; 3] = [true, true, true];
    const PRIVATE: [bool; 3] = [true, false, true];
    const SPECIAL: [bool; 3] = [false, false, true];
    const NEVER: [bool; 3] = [false, false, false];
    let table: &[(&str, [bool; 3])] = &[
        ("8.8.8.8", PUBLIC),
        ("1.0.0.0", PUBLIC),
        ("9.255.255.255", PUBLIC),
        ("11.0.0.0", PUBLIC),
        ("100.63.255.255", PUBLIC),
        ("100.128.0.0", PUBLIC),
        ("172.15.255.255", PUBLIC),
        ("172.32.0.0", PUBLIC),
        ("192.167.255.255", PUBLIC),
        ("192.169.0.0", PUBLIC),
        ("223.255.255.255", PUBLIC),
        ("10.0.0.0", PRIVATE),
        ("10.255.255.255", PRIVATE),
        ("172.16.0.0", PRIVATE),
        ("172.31.255.255", PRIVATE),
        ("192.168.255.255", PRIVATE),
        ("100.64.0.0", PRIVATE),
        ("100.127.255.255", PRIVATE),
        ("127.0.0.1", PRIVATE),
        ("127.255.255.255", PRIVATE),
        ("169.254.0.1", SPECIAL),
        ("192.0.0.1", SPECIAL),
        ("192.0.2.1", SPECIAL),
        ("198.51.100.1", SPECIAL),
        ("203.0.113.255", SPECIAL),
        ("192.88.99.1", SPECIAL),
        ("198.19.255.255", SPECIAL),
        ("240.0.0.1", SPECIAL),
        ("169.254.169.254", NEVER),
        ("100.100.100.200", NEVER),
        ("168.63.129.16", NEVER),
        ("0.0.0.0", NEVER),
        ("0.0.0.1", NEVER),
        ("224.0.0.1", NEVER),
        ("239.255.255.255", NEVER),
        ("255.255.255.255", NEVER),
        ("2606:4700::1111", PUBLIC),
        ("2001:200::1", PUBLIC),
        ("::1", PRIVATE),
        ("fc00::1", PRIVATE),
        ("fdff:ffff::1", PRIVATE),
        ("fe80::1", SPECIAL),
        ("febf::1", SPECIAL),
        ("fec0::1", SPECIAL),
        ("2001:db8::1", SPECIAL),
        ("3fff:fff::1", SPECIAL),
        ("2001:20::1", SPECIAL),
        ("100::1", SPECIAL),
        ("5f00::1", SPECIAL),
        ("64:ff9b:1:a9fe:a9:fe00:808:808", SPECIAL),
        ("::", NEVER),
        ("fd00:ec2::254", NEVER),
        ("fd20:ce::254", NEVER),
        ("ff02::1", NEVER),
        // Embedded: mapped, compatible, translated, NAT64, local NAT64, 6to4, Teredo.
        ("::ffff:8.8.8.8", PUBLIC),
        ("::ffff:10.0.0.1", PRIVATE),
        ("::ffff:127.0.0.1", PRIVATE),
        ("::ffff:169.254.169.254", NEVER),
        ("::10.0.0.1", PRIVATE),
        ("::127.0.0.1", PRIVATE),
        ("::169.254.169.254", NEVER),
        ("::ffff:0:192.168.0.1", PRIVATE),
        ("64:ff9b::8.8.8.8", PUBLIC),
        ("64:ff9b::10.0.0.1", PRIVATE),
        ("64:ff9b::169.254.169.254", NEVER),
        ("64:ff9b:1::10.0.0.1", PRIVATE),
        ("64:ff9b:1::169.254.169.254", NEVER),
        ("2002:808:808::1", PUBLIC),
        ("2002:a00:1::1", PRIVATE),
        ("2002:7f00:1::", PRIVATE),
        ("2002:a9fe:a9fe::1", NEVER),
        ("2001:0:808:808::f7f7:f7f7", PUBLIC),
        ("2001:0:808:808::f5ff:fffe", PRIVATE),
        ("2001:0:808:808::5601:5601", NEVER),
    ];
    let open = policy().allow_net(net("0.0.0.0/0")).allow_net(net("::/0"));
    for (text, [configured, discovered, openable]) in table {
        let ip = address(text);
        assert_eq!(
            policy().check_address("a.test", ip, Configured).is_ok(),
            *configured,
            "{text} configured"
        );
        assert_eq!(
            policy().check_address("a.test", ip, Discovered).is_ok(),
            *discovered,
            "{text} discovered"
        );
        assert_eq!(open.check_address("a.test", ip, Discovered).is_ok(), *openable, "{text} opened");
        // The same as a literal host, over https.
        let host = if ip.is_ipv6() { format!("[{text}]") } else { (*text).to_owned() };
        let url = format!("https://{host}/x");
        assert_eq!(policy().parse(&url, Configured).is_ok(), *configured, "{url} configured");
        assert_eq!(policy().parse(&url, Discovered).is_ok(), *discovered, "{url} discovered");
        let denied = policy().deny_net(ip).allow_net(ip).check_address("a.test", ip, Configured).unwrap_err();
        assert!(denied.to_string().ends_with("deny_net"), "{denied}");
    }
}

#[test]
fn base_urls() {
    for (text, wanted) in [
        ("https://a.example", "https://a.example/"),
        ("\t https://a.example/// \n", "https://a.example/"),
        ("https://a.example/v1/rooms//", "https://a.example/v1/rooms"),
        ("HTTPS://A.Example:443/V1", "https://a.example/V1"),
        ("https://a.example:8443/v1", "https://a.example:8443/v1"),
        ("http://localhost:3000/", "http://localhost:3000/"),
        ("http://x.localhost", "http://x.localhost/"),
        ("http://localhost.", "http://localhost./"),
        ("http://127.0.0.1:1/p/", "http://127.0.0.1:1/p"),
        ("http://[::1]:1", "http://[::1]:1/"),
        ("http://[::ffff:127.0.0.1]", "http://[::ffff:7f00:1]/"),
        // All the ways to write 127.0.0.1.
        ("http://0x7f.1", "http://127.0.0.1/"),
        ("http://017700000001", "http://127.0.0.1/"),
        ("http://2130706433", "http://127.0.0.1/"),
        ("http://127.1", "http://127.0.0.1/"),
        ("http://①②⑦.0.0.1", "http://127.0.0.1/"),
    ] {
        assert_eq!(policy().parse(text, Configured).as_ref().map(Url::as_str), Ok(wanted), "{text}");
    }
    assert_eq!(
        policy().parse_websocket("ws://localhost/s/", Configured).unwrap().as_str(),
        "ws://localhost/s"
    );
    assert!(policy().parse_websocket("wss://a.example/s", Discovered).is_ok());
}

#[test]
fn refused_urls() {
    for (text, rule) in [
        ("", Rule::Pattern),
        ("a.example", Rule::Pattern),
        ("localhost:8080", Rule::Pattern),
        ("user:s3cr3t@a.example", Rule::Pattern),
        ("://a.example", Rule::Pattern),
        ("https:a.example", Rule::Pattern),
        ("https://", Rule::Pattern),
        ("https:///a.example", Rule::Pattern),
        ("https://\\a.example", Rule::Pattern),
        ("https://?s3cr3t", Rule::Pattern),
        ("https://a .example", Rule::Pattern),
        ("https://a.ex\nample", Rule::Pattern),
        ("https://a.example:99999", Rule::Pattern),
        ("https://[::1", Rule::Pattern),
        ("https://1.2.3.4.5", Rule::Pattern),
        ("ftp://a.example", Rule::Scheme),
        ("file:///etc/passwd", Rule::Pattern),
        ("file://h/etc/passwd", Rule::Scheme),
        ("wss://a.example", Rule::Scheme),
        ("http://a.example", Rule::Scheme),
        ("http://10.0.0.1", Rule::Scheme),
        ("http://localhost.example", Rule::Scheme),
        ("http://notlocalhost", Rule::Scheme),
        ("https://user:s3cr3t@a.example", Rule::Query),
        ("https://s3cr3t@a.example", Rule::Query),
        ("https://:s3cr3t@a.example", Rule::Query),
        ("https://a.example/?s3cr3t", Rule::Query),
        ("https://a.example/?", Rule::Query),
        ("https://a.example/#s3cr3t", Rule::Query),
        ("https://a.example/#", Rule::Query),
        ("https://0xa9fea9fe", Rule::Forbidden),
        ("https://2852039166", Rule::Forbidden),
        ("https://0", Rule::Forbidden),
        ("https://169.254.43518", Rule::Forbidden),
    ] {
        let error = policy().parse(text, Configured).unwrap_err();
        assert_eq!(error.rule(), rule, "{text}: {error}");
        assert!(!error.to_string().contains("s3cr3t"), "{text}: {error}");
    }
    assert_eq!(policy().parse_websocket("https://a.example", Configured).unwrap_err().rule(), Rule::Scheme);
    // The URL of a request may have a query, and any of the four schemes.
    let url = Url::parse("wss://a.example/s?token=1").unwrap();
    assert_eq!(policy().check(&url, Discovered), Ok(()));
    assert_eq!(
        policy().check(&Url::parse("data:text/plain,x").unwrap(), Configured).unwrap_err().rule(),
        Rule::Scheme
    );
}

#[test]
fn messages_name_the_setting() {
    let of = |text: &str, trust| policy().parse(text, trust).unwrap_err().to_string();
    assert_eq!(
        of("http://a.example:81/secret", Configured),
        "http://a.example:81: plain http would show credentials to everyone on the way; use https, or allow it \
         with EndpointPolicy::allow_insecure(true)"
    );
    assert_eq!(
        of("https://10.0.0.1", Discovered),
        "10.0.0.1 is a private address and was found in an answer; if that is meant, allow it with \
         EndpointPolicy::allow_net, allow_host or with_private_discovery(true)"
    );
    assert_eq!(
        of("https://169.254.0.1", Configured),
        "169.254.0.1 is a link-local address; if that is meant, allow it with EndpointPolicy::allow_net"
    );
    let resolved =
        policy().check_address("a.example", address("::ffff:169.254.169.254"), Configured).unwrap_err();
    assert_eq!(
        resolved.to_string(),
        "::ffff:169.254.169.254 (which stands for 169.254.169.254), to which a.example resolves, is the address of \
         a cloud metadata service, which is never allowed; correct the URL or the DNS entry"
    );
    let violation = resolved.to_violation(Field::new("endpoint", "endPoint"));
    assert_eq!(
        (violation.field, violation.wire, violation.rule),
        ("endpoint".into(), "endPoint".into(), Rule::Forbidden)
    );
}

#[test]
fn localhost_must_be_loopback() {
    for host in ["localhost", "LOCALHOST.", "a.localhost"] {
        assert!(policy().check_address(host, address("127.0.0.1"), Configured).is_ok());
        assert!(policy().check_address(host, address("::1"), Configured).is_ok());
        assert!(policy().check_address(host, address("8.8.8.8"), Configured).is_err());
        assert!(
            policy()
                .allow_net(net("10.0.0.0/8"))
                .check_address(host, address("10.0.0.1"), Configured)
                .is_err()
        );
    }
    assert!(policy().parse("https://localhost", Discovered).is_err());
    assert!(policy().with_private_discovery(true).parse("https://localhost", Discovered).is_ok());
}

#[test]
fn lists() {
    let ip = address("10.0.0.1");
    let allowed = policy().allow_host(".corp.example");
    assert!(allowed.check_address("a.corp.example", ip, Discovered).is_ok());
    assert!(allowed.check_address("acorp.example", ip, Discovered).is_err());
    assert!(allowed.check_address("a.corp.example", address("169.254.0.1"), Discovered).is_err());
    let denied = policy().allow_host("corp.example").deny_host("*.bad.corp.example");
    assert!(denied.check_address("x.bad.corp.example", address("8.8.8.8"), Configured).is_err());
    assert!(denied.parse("https://bad.corp.example", Configured).is_err());
    assert!(denied.parse("https://good.corp.example", Configured).is_ok());
    // A denied IPv4 network is also denied inside IPv6.
    let denied = policy().deny_net(net("8.8.0.0/16"));
    assert!(denied.check_address("a.test", address("64:ff9b::8.8.8.8"), Configured).is_err());
    assert!(is_host_within("Éa.b", "b") && !is_host_within("é", "\u{a9}") && !is_host_within("a", ""));
}

#[test]
fn a_private_base_may_name_private_neighbours() {
    let neighbour =
        |policy: &EndpointPolicy| policy.check_address("n.test", address("10.0.0.2"), Discovered).is_ok();
    let with = |text: &str| policy().for_base(&Url::parse(text).unwrap());
    for base in ["http://localhost:1", "http://[::1]", "https://10.0.0.1", "https://[fd00::1]"] {
        assert!(neighbour(&with(base)), "{base}");
    }
    let policy = with("https://rtc.corp.example/v1");
    assert!(!neighbour(&policy));
    // Another configured host, or the base as a discovered one, teaches nothing.
    policy.check_address("other.example", address("10.0.0.1"), Configured).unwrap();
    policy.check_address("rtc.corp.example", address("10.0.0.1"), Discovered).unwrap_err();
    policy.check_address("rtc.corp.example", address("8.8.8.8"), Configured).unwrap();
    assert!(!neighbour(&policy));
    let clone = policy.clone();
    policy.check_address("rtc.corp.example.", address("10.0.0.1"), Configured).unwrap();
    assert!(neighbour(&policy) && neighbour(&clone));
    let again = policy.for_base(&Url::parse("https://rtc.corp.example").unwrap());
    assert!(neighbour(&again) && !neighbour(&with("https://rtc.corp.example")));
    assert!(policy.check_address("n.test", address("169.254.169.254"), Discovered).is_err());
}

proptest! {
    #[test]
    fn parse_never_panics(text in any::<String>(), insecure in any::<bool>()) {
        let policy = policy().allow_insecure(insecure);
        for text in [text.clone(), format!("https://{text}"), format!("http://{text}/")] {
            if let Ok(url) = policy.parse(&text, Discovered) {
                prop_assert!(url.query().is_none() && url.username().is_empty() && url.host().is_some());
                prop_assert!(policy.parse(url.as_str(), Discovered).as_ref() == Ok(&url));
            }
        }
        let _ = is_host_within(&text, "é.example");
    }

    #[test]
    fn embedding_changes_nothing(v4 in any::<u32>()) {
        let ip = std::net::Ipv4Addr::from(v4);
        let [a, b, c, d] = ip.octets();
        for text in [format!("::ffff:{ip}"), format!("64:ff9b::{ip}"), format!("2002:{a:02x}{b:02x}:{c:02x}{d:02x}::")] {
            for trust in [Configured, Discovered] {
                let inner = policy().check_address("a.test", ip.into(), trust).is_ok();
                prop_assert!(policy().check_address("a.test", address(&text), trust).is_ok() == inner, "{}", text);
            }
        }
    }
}

#[test]
fn the_origin_is_what_the_policy_judges() {
    for (url, expected) in [
        ("https://portal.example/a?b", "https://portal.example"),
        ("https://a.example/whip/x?y=1#z", "https://a.example"),
        ("https://a.example:8443?x", "https://a.example:8443"),
        ("http://127.0.0.1:8080/a", "http://127.0.0.1:8080"),
        ("https://user@a.example", "https://user@a.example"),
        ("https://a.example\\@b.example/", "https://a.example"),
        ("nothing", "nothing"),
    ] {
        assert_eq!(origin(url), expected);
    }
}
