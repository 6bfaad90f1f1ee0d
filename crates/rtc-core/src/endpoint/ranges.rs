//! What kind of address an address is, after the IANA special-purpose registries.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// A class of addresses, with the words that name it in an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Somewhere in the internet.
    Public,
    /// This machine.
    Loopback(&'static str),
    /// The own network.
    Private(&'static str),
    /// Nothing that serves clients, unless the user knows better.
    Special(&'static str),
    /// Nothing that a client may ever talk to.
    Never(&'static str),
}

const LOOPBACK: Class = Class::Loopback("a loopback address");
const PRIVATE: Class = Class::Private("a private address");
const LINK_LOCAL: Class = Class::Special("a link-local address");
const DOCUMENTATION: Class = Class::Special("an address for documentation");
const RESERVED: Class = Class::Special("a reserved address");
const METADATA: Class = Class::Never("the address of a cloud metadata service");
const UNSPECIFIED: Class = Class::Never("an unspecified address");
const BROADCAST: Class = Class::Never("the broadcast address");
const MULTICAST: Class = Class::Never("a multicast address");

const fn v4(a: u8, b: u8, c: u8, d: u8, len: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), len)
}

const fn v6(first: [u16; 4], last: u16, len: u8) -> Ipv6Net {
    let [a, b, c, d] = first;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, 0, 0, 0, last), len)
}

/// The first match counts.
const V4: [(Ipv4Net, Class); 19] = [
    (v4(169, 254, 169, 254, 32), METADATA), // most clouds
    (v4(100, 100, 100, 200, 32), METADATA), // Alibaba
    (v4(168, 63, 129, 16, 32), METADATA),   // Azure's host, inside public space
    (v4(0, 0, 0, 0, 8), UNSPECIFIED),
    (v4(127, 0, 0, 0, 8), LOOPBACK),
    (v4(10, 0, 0, 0, 8), PRIVATE),
    (v4(172, 16, 0, 0, 12), PRIVATE),
    (v4(192, 168, 0, 0, 16), PRIVATE),
    (v4(100, 64, 0, 0, 10), Class::Private("a carrier-grade NAT address")),
    (v4(169, 254, 0, 0, 16), LINK_LOCAL),
    (v4(255, 255, 255, 255, 32), BROADCAST),
    (v4(224, 0, 0, 0, 4), MULTICAST),
    (v4(192, 0, 2, 0, 24), DOCUMENTATION),
    (v4(198, 51, 100, 0, 24), DOCUMENTATION),
    (v4(203, 0, 113, 0, 24), DOCUMENTATION),
    (v4(192, 0, 0, 0, 24), RESERVED),
    (v4(192, 88, 99, 0, 24), RESERVED),
    (v4(198, 18, 0, 0, 15), RESERVED),
    (v4(240, 0, 0, 0, 4), RESERVED),
];

/// The first match counts; what matches nothing is public if it is global unicast and else reserved.
const V6: [(Ipv6Net, Class); 11] = [
    (v6([0xfd00, 0x0ec2, 0, 0], 0x254, 128), METADATA), // AWS
    (v6([0xfd20, 0x00ce, 0, 0], 0x254, 128), METADATA), // Google
    (v6([0, 0, 0, 0], 0, 128), UNSPECIFIED),
    (v6([0, 0, 0, 0], 1, 128), LOOPBACK),
    (v6([0xfc00, 0, 0, 0], 0, 7), Class::Private("a unique local (private) address")),
    (v6([0xfe80, 0, 0, 0], 0, 10), LINK_LOCAL),
    (v6([0xff00, 0, 0, 0], 0, 8), MULTICAST),
    (v6([0x2001, 0xdb8, 0, 0], 0, 32), DOCUMENTATION),
    (v6([0x3fff, 0, 0, 0], 0, 20), DOCUMENTATION),
    (v6([0x2001, 0, 0, 0], 0, 23), RESERVED),
    (v6([0x2000, 0, 0, 0], 0, 3), Class::Public),
];

/// The class of an address that embeds no other (see [`unwrap_embedded`]).
pub(super) fn class_of(address: IpAddr) -> Class {
    match address {
        IpAddr::V4(ip) => {
            V4.iter().find(|(net, _)| net.contains(&ip)).map_or(Class::Public, |(_, class)| *class)
        }
        IpAddr::V6(ip) => V6.iter().find(|(net, _)| net.contains(&ip)).map_or(RESERVED, |(_, class)| *class),
    }
}

/// The IPv4 address that an IPv6 address embeds and that packets to it may reach; any other address itself.
pub(super) fn unwrap_embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(ip) = address else { return address };
    let pair = |high: u16, low: u16| IpAddr::from(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match ip.segments() {
        // `::` and `::1` have the form of an embedded address but are none.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => address,
        [0, 0, 0, 0, 0, 0 | 0xffff, a, b] | [0, 0, 0, 0, 0xffff, 0, a, b] => pair(a, b),
        // NAT64. Of the local prefix only its usual form: where other forms keep the IPv4 address is the
        // network's choice, so the rest stays what it is, reserved.
        [0x64, 0xff9b, 0 | 1, 0, 0, 0, a, b] => pair(a, b),
        [0x2002, a, b, ..] => pair(a, b),
        // Teredo keeps the client's address inverted.
        [0x2001, 0, _, _, _, _, a, b] => pair(!a, !b),
        _ => address,
    }
}
