//! The fake model server as a program: `torana-fake-provider [address]`, by default on a free port of loopback.
//! It prints its base URL and runs until it is killed; `POST /control` changes what it does.

use std::net::SocketAddr;

use torana_agents::fake::{FakeProvider, Script};

fn main() -> std::io::Result<()> {
    let argument = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let address: SocketAddr = argument.parse().map_err(std::io::Error::other)?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let server = FakeProvider::listen(address, Script::default()).await?;
            #[expect(
                clippy::print_stdout,
                reason = "the address is what a caller starts this program for"
            )]
            {
                println!("{}", server.base_url());
            }
            std::future::pending::<std::io::Result<()>>().await
        })
}
