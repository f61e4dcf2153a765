//! Opens the sockets we accept on, or takes them over from the process before.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

use super::patience::SENDING_BYTES;

/// Connections the system queues before we accept them; a restart makes thousands of clients reconnect at once.
const BACKLOG: u32 = 4_096;

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// This machine only, IPv4 and, where there is any, IPv6.
    Loopback(u16),
    /// These addresses.
    Addresses(Vec<SocketAddr>),
}

/// Why we cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another program has the port.
    #[error("{address} is already in use")]
    InUse {
        /// The address.
        address: SocketAddr,
    },
    /// Anything else, such as an address this machine does not have.
    #[error("cannot listen on {address}: {source}")]
    Failed {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// Opens the listeners. With port 0 all get the same port, chosen by the system.
pub fn bind(place: &Place) -> Result<Vec<TcpListener>, BindError> {
    bind_or_adopt(place, &mut Vec::new())
}

/// The same, but a socket in `inherited` that listens at a wanted address already is taken instead of a new one. Any
/// port of the address will do where the system may choose it.
pub fn bind_or_adopt(
    place: &Place,
    inherited: &mut Vec<std::net::TcpListener>,
) -> Result<Vec<TcpListener>, BindError> {
    let mut listen = |address| match adopt(address, inherited) {
        Some(listener) => Ok(listener),
        None => listen(address),
    };
    match place {
        Place::Addresses(addresses) => addresses.iter().copied().map(listen).collect(),
        Place::Loopback(port) => {
            let first = listen(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), *port))?;
            let port = first.local_addr().map_or(*port, |address| address.port());
            match listen(SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port)) {
                Ok(second) => Ok(vec![first, second]),
                // Somebody else on the IPv6 side would get half of our clients.
                Err(error @ BindError::InUse { .. }) => Err(error),
                Err(BindError::Failed { .. }) => Ok(vec![first]),
            }
        }
    }
}

/// The inherited socket for an address.
fn adopt(address: SocketAddr, inherited: &mut Vec<std::net::TcpListener>) -> Option<TcpListener> {
    let fits = |socket: &std::net::TcpListener| {
        socket.local_addr().is_ok_and(|own| {
            own.ip() == address.ip() && (address.port() == 0 || own.port() == address.port())
        })
    };
    let at = inherited.iter().position(fits)?;
    let socket = inherited.swap_remove(at);
    let adopted = socket
        .set_nonblocking(true)
        .and_then(|()| TcpListener::from_std(socket));
    match adopted {
        Ok(listener) => Some(bounded(listener)),
        Err(error) => {
            tracing::warn!(%error, %address, "An inherited socket cannot be used; a new one is opened.");
            None
        }
    }
}

/// The same listener, whose connections show soon enough that the other side takes what it is sent.
fn bounded(listener: TcpListener) -> TcpListener {
    if let Err(error) = torana_host::sockets::bound_sending(&listener, SENDING_BYTES) {
        tracing::warn!(%error, "Clients on slow lines may be cut off: what is sent to them cannot be bounded.");
    }
    listener
}

/// Opens one listener.
pub(super) fn listen(address: SocketAddr) -> Result<TcpListener, BindError> {
    let open = || -> io::Result<TcpListener> {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    open().map(bounded).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse { address },
        _ => BindError::Failed { address, source },
    })
}
