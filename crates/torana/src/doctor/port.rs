//! The port is ours or free.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};

use torana_host::lock::Holder;
use torana_host::process::listening_on;

use super::finding::{Finding, Patient, Report, words};
use crate::cli::Exit;

const CHECK: &str = "port";

pub(super) async fn check(patient: &Patient<'_>, report: &mut Report) {
    let invocation = patient.invocation;
    let port = match invocation.port(patient.config.as_ref()) {
        Ok(port) => port,
        Err(failure) => {
            let (text, hint) = words(&failure);
            report.add(Finding::fail(CHECK, text, hint).exit(Exit::Config));
            return;
        }
    };
    if patient.holder.as_ref().is_some_and(Holder::listens) {
        match invocation.connect().await {
            Ok(client) => {
                client.close().await;
                report.add(Finding::ok(
                    CHECK,
                    format!("the gateway answers on port {port}"),
                ));
            }
            Err(failure) => {
                let (text, hint) = words(&failure);
                report.add(Finding::fail(CHECK, text, hint).exit(failure.exit));
            }
        }
        return;
    }
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => report.add(Finding::ok(CHECK, format!("port {port} is free"))),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            let (who, how) = match listening_on(port) {
                Some(holder) => (holder.to_string(), "stop it".to_owned()),
                None => (
                    "a process that cannot be looked at from here".to_owned(),
                    format!("find it with `sudo ss -ltnp 'sport = :{port}'`"),
                ),
            };
            let hint =
                format!("{how}, or choose another port with `torana config set gateway.port`");
            let text = format!("port {port} is taken by {who}");
            report.add(Finding::fail(CHECK, text, hint).exit(Exit::InUse));
        }
        Err(error) => report.add(Finding::fail(
            CHECK,
            format!("port {port} cannot be opened: {error}"),
            "choose a port above 1023",
        )),
    }
}
