//! Puts the functions that an idle gateway has run side by side in the release binary.
//!
//! Linux maps a program in pieces of 64 KiB, so a function in use brings its neighbours into memory.
//! `layout.ld` names the functions; `cargo xtask layout` writes it.

use std::env;

/// What a linker must understand for us to use it: a section script that adds to its own layout.
/// Linkers that come with the toolchains of Linux do; one that somebody chose may not.
fn is_linker_known() -> bool {
    let is_linux = env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux");
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let is_chosen = flags.contains("fuse-ld") || flags.contains("linker");
    is_linux && !is_chosen && env::var_os("RUSTC_LINKER").is_none()
}

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=layout.ld");
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    if is_release && is_linker_known() {
        let folder = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        println!("cargo::rustc-link-arg-bin=torana=-Wl,-T,{folder}/layout.ld");
    }
}
