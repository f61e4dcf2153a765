//! The `torana` binary: parse, configure, build, run, drain. Everything else is in the modules.

mod cli;
mod compose;
mod configuration;
mod disk_hint;
mod doctor;
mod gateway;
mod host;
mod logging;
mod paths;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::main()
}
