//! What the kernel still holds of what was written to a socket.
//!
//! A write has succeeded when the kernel has the bytes, not when the other side has them. How many it has not acknowledged tells
//! a slow line from a dead one. The system call for it cannot be made without `unsafe`, so the kernel is asked by its
//! `sock_diag` interface (netlink(7), sock_diag(7)), which looks up the one socket.

use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
    sockopt,
};
use tokio::net::TcpStream;

/// Asks the kernel about sockets of this process.
#[derive(Debug)]
pub(super) struct SocketDiag {
    /// None where the system allows no such socket, as under `RestrictAddressFamilies=` without `AF_NETLINK`.
    socket: Option<OwnedFd>,
    asked: Cell<u32>,
}

/// `nlmsghdr` and `inet_diag_req_v2`.
const REQUEST_BYTES: usize = 72;

/// `nlmsghdr` and `inet_diag_msg`; what may follow is not asked for.
const ANSWER_BYTES: usize = 88;

const SOCK_DIAG_BY_FAMILY: u16 = 20;

impl SocketDiag {
    pub(super) fn open() -> Self {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let kind = SocketType::DGRAM;
        let protocol = Some(netlink::SOCK_DIAG);
        let socket = socket_with(AddressFamily::NETLINK, kind, flags, protocol);
        if let Err(error) = &socket {
            tracing::info!(%error, "the kernel does not say what players have acknowledged: slow ones are judged by what it takes");
        }
        Self { socket: socket.ok(), asked: Cell::new(0) }
    }

    /// Bytes written to the socket that the other side has not acknowledged; none if the kernel does not say.
    pub(super) fn unacked(&self, stream: &TcpStream) -> Option<u64> {
        let socket = self.socket.as_ref()?;
        let ends = (stream.local_addr().ok()?, stream.peer_addr().ok()?);
        let number = self.asked.replace(self.asked.get().wrapping_add(1));
        let request = request(number, ends, sockopt::socket_cookie(stream).ok()?);
        send(socket, &request, SendFlags::DONTWAIT).ok()?;
        // The kernel has answered when the request is sent. What another request has left is passed over.
        loop {
            let mut answer = [0; 512];
            let (count, _) = recv(socket, &mut answer[..], RecvFlags::DONTWAIT).ok()?;
            let answer = answer.get(..count)?;
            if word(answer, 8)? == number {
                return unacked_in(answer);
            }
        }
    }
}

/// Asks for the socket between these two ends, if it is the one with that cookie.
fn request(number: u32, (own, peer): (SocketAddr, SocketAddr), cookie: u64) -> [u8; REQUEST_BYTES] {
    const REQUEST: u16 = 1;
    const ANY_STATE: u32 = u32::MAX;
    let family = if own.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let mut bytes = [0; REQUEST_BYTES];
    let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
    put(0, &(REQUEST_BYTES as u32).to_ne_bytes());
    put(4, &SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    put(6, &REQUEST.to_ne_bytes());
    put(8, &number.to_ne_bytes());
    // Both families have one byte's worth of numbers.
    put(16, &family.as_raw().to_le_bytes()[..1]);
    put(17, &[6]);
    put(20, &ANY_STATE.to_ne_bytes());
    put(24, &own.port().to_be_bytes());
    put(26, &peer.port().to_be_bytes());
    for (at, end) in [(28, own), (44, peer)] {
        match end.ip() {
            IpAddr::V4(ip) => put(at, &ip.octets()),
            IpAddr::V6(ip) => put(at, &ip.octets()),
        }
    }
    // The low half comes first, whatever the byte order is.
    put(64, &(cookie as u32).to_ne_bytes());
    put(68, &((cookie >> 32) as u32).to_ne_bytes());
    bytes
}

fn unacked_in(answer: &[u8]) -> Option<u64> {
    let kind = u16::from_ne_bytes(answer.get(4..6)?.try_into().ok()?);
    let whole = kind == SOCK_DIAG_BY_FAMILY && answer.len() >= ANSWER_BYTES;
    // `idiag_wqueue`: written and not acknowledged.
    whole.then(|| word(answer, 76)).flatten().map(u64::from)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// What the kernel holds of a socket that nobody reads, and again when all was read.
    async fn unacked_at(address: &str) {
        let listener = TcpListener::bind(address).await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let kernel = SocketDiag::open();
        assert_eq!(kernel.unacked(&server), Some(0));
        let mut written = 0_u64;
        server.writable().await.unwrap();
        while let Ok(count) = server.try_write(&[7; 64 << 10]) {
            written += count as u64;
        }
        let held = kernel.unacked(&server).unwrap();
        assert!(held > 0 && held < written, "{held} of {written}");
        let mut read = 0_u64;
        while read < written {
            client.readable().await.unwrap();
            read += client.try_read(&mut [0; 64 << 10]).map_or(0, |count| count as u64);
        }
        while kernel.unacked(&server) != Some(0) {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn the_kernel_says_what_was_not_acknowledged() {
        unacked_at("127.0.0.1:0").await;
        unacked_at("[::1]:0").await;
    }
}
