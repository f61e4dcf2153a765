//! `torana-fake-telegram [--port N] [--limits]`: the in-memory Bot API server as a program of its own.

use std::io::Write;

use torana_channels::telegram::fake::{FakeServer, Options};

const USAGE: &str = "usage: torana-fake-telegram [--port N] [--limits]";

fn main() -> std::io::Result<()> {
    let options = options(std::env::args().skip(1)).map_err(std::io::Error::other)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let server = FakeServer::start(options, torana_host::world()).await?;
        let mut out = std::io::stdout();
        writeln!(out, "listening on {}", server.api_root())?;
        out.flush()?;
        server.serve().await;
        Ok(())
    })
}

fn options(arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options::default();
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        let (name, inline) = match argument.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (argument, None),
        };
        match name.as_str() {
            "--limits" => options.limits = true,
            "--port" => {
                let value = inline.or_else(|| arguments.next()).ok_or(USAGE)?;
                options.port = value
                    .parse()
                    .map_err(|_| format!("`{value}` is not a port; {USAGE}"))?;
            }
            _ => return Err(USAGE.to_owned()),
        }
    }
    Ok(options)
}
