//! Ways out over sockets: other machines, the host, a hypervisor, the engine.

use std::fs::read_dir;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::net::{AddressFamily, Protocol, RawProtocol, SocketType, socket};

use super::{List, said};

const WITHIN: Duration = Duration::from_secs(2);

/// The engine on the host, the host on Docker's bridge, metadata of a cloud, somewhere outside.
const ADDRESSES: [([u8; 4], u16); 6] = [
    ([127, 0, 0, 1], 2375),
    ([172, 17, 0, 1], 2375),
    ([172, 17, 0, 1], 22),
    ([169, 254, 169, 254], 80),
    ([192, 0, 2, 1], 80),
    ([1, 1, 1, 1], 53),
];
const ENGINES: [&str; 4] = [
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/run/podman/podman.sock",
    "/run/containerd/containerd.sock",
];

/// What it is called, its family, type and protocol.
const KINDS: [(&str, u16, u32, u32); 12] = [
    ("hypervisor (vsock)", 40, 1, 0),
    ("packet", 17, 3, 0),
    ("raw IPv4", 2, 3, 1),
    ("raw IPv6", 10, 3, 58),
    ("SCTP", 2, 1, 132),
    ("kernel cryptography", 38, 5, 0),
    ("XDP", 44, 3, 0),
    ("Bluetooth", 31, 3, 1),
    ("TIPC", 30, 5, 0),
    ("netfilter (netlink)", 16, 3, 12),
    ("devices (netlink)", 16, 3, 15),
    ("IPsec (netlink)", 16, 3, 6),
];

pub(super) fn attempts(list: &mut List) {
    for (address, port) in ADDRESSES {
        let to = SocketAddr::from((address, port));
        let connected = TcpStream::connect_timeout(&to, WITHIN);
        // No route leads to it: any other error may be the word of somebody who was reached. Loopback
        // is the container's own.
        let held = connected.as_ref().is_err_and(|err| {
            to.ip().is_loopback()
                || matches!(err.kind(), ErrorKind::NetworkUnreachable | ErrorKind::PermissionDenied)
        });
        list.add(format!("connect to {to}"), "refused", held, said(connected));
    }
    list.refused("ask for a name's address", ("example.com", 80).to_socket_addrs());
    for path in ENGINES {
        list.refused(format!("connect to {path}"), UnixStream::connect(path));
    }
    for (name, family, kind, protocol) in KINDS {
        let protocol = RawProtocol::new(protocol).map(Protocol::from_raw);
        let made = socket(AddressFamily::from_raw(family), SocketType::from_raw(kind), protocol);
        list.refused(format!("make a socket: {name}"), made);
    }
    let others = read_dir("/sys/class/net")
        .map(|all| all.flatten().filter(|it| it.file_name() != "lo").count());
    let held = !others.as_ref().is_ok_and(|it| 0 < *it);
    list.add("have an interface besides loopback", "refused", held, format!("{others:?}"));
    let loopback = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|it| TcpStream::connect(it.local_addr()?));
    list.allowed("connect to loopback", loopback);
}
