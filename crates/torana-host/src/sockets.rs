//! Listening sockets that outlive a restart: whoever connects while the program starts again waits in the queue of the
//! system instead of being refused.
//!
//! They travel the way systemd hands sockets over: in a row, with count, first number and process in the environment.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::Command;

use listenfd::ListenFd;
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use rustix::net::sockopt::{set_socket_send_buffer_size, socket_acceptconn};

/// Where the row begins: above what a process that only starts has open, and below every usual limit.
const FIRST_FD: i32 = 100;
/// How often a row is tried when another thread took a number out of its middle.
const TRIES: i32 = 8;

/// Sockets to hand over.
#[derive(Debug, Default)]
pub struct Handover(Vec<OwnedFd>);

impl Handover {
    /// Remembers these sockets. They keep listening until the last of their descriptors is closed, so nobody is refused
    /// after the listener itself is gone.
    pub fn of<'a, S: AsFd + 'a>(sockets: impl IntoIterator<Item = &'a S>) -> io::Result<Self> {
        let sockets = sockets.into_iter();
        let kept: io::Result<Vec<OwnedFd>> = sockets
            .map(|socket| socket.as_fd().try_clone_to_owned())
            .collect();
        kept.map(Self)
    }

    /// Arranges that the command, which must replace this process, inherits the sockets. They are inheritable as long as
    /// the result lives.
    pub(crate) fn give(&self, command: &mut Command) -> io::Result<Vec<OwnedFd>> {
        let row = self.row()?;
        let Some(first) = row.first() else {
            return Ok(row);
        };
        for socket in &row {
            fcntl_setfd(socket, FdFlags::empty())?;
        }
        command
            .env("LISTEN_FDS", row.len().to_string())
            .env("LISTEN_FDS_FIRST_FD", first.as_raw_fd().to_string())
            .env("LISTEN_PID", std::process::id().to_string());
        Ok(row)
    }

    /// The sockets under numbers without a gap.
    fn row(&self) -> io::Result<Vec<OwnedFd>> {
        let mut from = FIRST_FD;
        for _ in 0..TRIES {
            let mut row: Vec<OwnedFd> = Vec::with_capacity(self.0.len());
            for socket in &self.0 {
                let next = row.last().map_or(from, |last| last.as_raw_fd() + 1);
                row.push(fcntl_dupfd_cloexec(socket, next)?);
            }
            let whole = row
                .windows(2)
                .all(|pair| pair[1].as_raw_fd() == pair[0].as_raw_fd() + 1);
            if whole {
                return Ok(row);
            }
            from = row.last().map_or(from, |last| last.as_raw_fd() + 1);
        }
        Err(io::Error::other("no row of descriptors is free"))
    }
}

/// Takes the sockets that the program before this one handed over; nothing on any later call. Only sockets that listen
/// count. Call it before other threads run: it changes the environment, so that no child believes the sockets are its own.
pub fn inherited() -> Vec<TcpListener> {
    let mut given = ListenFd::from_env();
    (0..given.len())
        .filter_map(|index| given.take_tcp_listener(index).ok().flatten())
        .filter(|socket| socket_acceptconn(socket).unwrap_or(false))
        .collect()
}

/// Bounds what the system takes of a connection before the other side has it. Connections that come to a listening
/// socket later have its bound too (Linux; the BSDs do the same). The system may take twice as much, for its own records.
pub fn bound_sending(socket: &impl AsFd, bytes: usize) -> io::Result<()> {
    set_socket_send_buffer_size(socket, bytes)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_put_in_a_row_and_made_inheritable_only_then() {
        let listen = || TcpListener::bind("127.0.0.1:0").expect("a port");
        let sockets = [listen(), listen(), listen()];
        let handover = Handover::of(&sockets).expect("kept");
        drop(sockets);
        let mut command = Command::new("true");
        let row = handover.give(&mut command).expect("given");
        let numbers: Vec<i32> = row.iter().map(AsRawFd::as_raw_fd).collect();
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1));
        for socket in &row {
            let flags = rustix::io::fcntl_getfd(socket).expect("open");
            assert!(!flags.contains(FdFlags::CLOEXEC));
        }
        for socket in &handover.0 {
            let flags = rustix::io::fcntl_getfd(socket).expect("open");
            assert!(
                flags.contains(FdFlags::CLOEXEC),
                "children see none of them"
            );
        }
        let told: Vec<String> = command
            .get_envs()
            .filter_map(|(_, value)| Some(value?.to_string_lossy().into_owned()))
            .collect();
        let pid = std::process::id().to_string();
        assert_eq!(told, ["3".to_owned(), numbers[0].to_string(), pid]);
    }

    #[test]
    fn a_socket_goes_on_listening_after_its_listener_is_gone() {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = socket.local_addr().expect("an address");
        let handover = Handover::of([&socket]).expect("kept");
        drop(socket);
        std::net::TcpStream::connect(address).expect("the system queues it");
        drop(handover);
        assert!(std::net::TcpStream::connect(address).is_err());
    }

    #[test]
    fn nothing_is_inherited_by_chance() {
        assert!(inherited().is_empty());
    }
}
