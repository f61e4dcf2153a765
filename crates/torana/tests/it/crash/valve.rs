//! A wire that can freeze: between the gateway and a peer, as when a machine stops or a firewall forgets a connection.
//!
//! Nothing is closed and nothing is refused: connections of the time of the freeze never say another byte, not even after
//! it, and connections made meanwhile are accepted and stay silent as well.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Bytes carried at once.
const PIECE: usize = 16 * 1024;

/// The wire; connections to its address end at the peer.
#[derive(Debug)]
pub(super) struct Valve {
    pub(super) address: SocketAddr,
    // Counts changes; odd is frozen.
    state: watch::Sender<u64>,
}

// === impl Valve ===

impl Valve {
    pub(super) async fn start(peer: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (state, seen) = watch::channel(0);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(carry(stream, peer, seen.clone()));
            }
        });
        Ok(Self { address, state })
    }

    pub(super) fn freeze(&self) {
        self.state.send_modify(|state| *state |= 1);
    }

    /// New connections work again.
    pub(super) fn thaw(&self) {
        self.state.send_modify(|state| *state += *state & 1);
    }
}

async fn carry(stream: TcpStream, peer: SocketAddr, seen: watch::Receiver<u64>) {
    let born = *seen.borrow();
    if born % 2 == 1 {
        // Held open until the test is over.
        let _held = stream;
        return std::future::pending().await;
    }
    let Ok(other) = TcpStream::connect(peer).await else {
        return;
    };
    // Without it everything still works, only slower.
    drop((stream.set_nodelay(true), other.set_nodelay(true)));
    let ((from, to), (back, forth)) = (stream.into_split(), other.into_split());
    tokio::join!(
        pump(from, forth, born, seen.clone()),
        pump(back, to, born, seen)
    );
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    born: u64,
    mut seen: watch::Receiver<u64>,
) {
    let mut piece = vec![0; PIECE];
    loop {
        let count = tokio::select! {
            biased;
            () = async { drop(seen.wait_for(|state| *state != born).await) } => {
                return std::future::pending().await;
            }
            count = from.read(&mut piece) => count,
        };
        match count {
            Ok(count) if count > 0 && to.write_all(&piece[..count]).await.is_ok() => {}
            _ => return,
        }
    }
}
