//! Metrics in Prometheus' text format, version 0.0.4. Labels have few values; ids are for logs.

use std::fmt::Write as _;

use hyper::StatusCode;
use hyper::header::HeaderValue;
use torana_core::event::AccountState;
use torana_engine::store::{inbox, outbox};

use crate::context::Context;
use crate::front::answer::{Answer, whole};

const KIND: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// State word, rows, oldest acceptance in Unix milliseconds.
type Census = Vec<(String, i64, i64)>;

/// `/metrics`. `sockets` counts connections without and with proof of who they are.
pub(crate) async fn metrics(context: &Context, sockets: (usize, usize)) -> Answer {
    let census = context
        .engine
        .store()
        .read(|connection| Ok((inbox::census(connection)?, outbox::census(connection)?)))
        .await;
    let census = match census {
        Ok(census) => Some(census),
        Err(error) => {
            tracing::warn!(%error, "The journals could not be counted for metrics.");
            None
        }
    };
    whole(
        StatusCode::OK,
        KIND,
        page(context, sockets, census.as_ref()),
    )
}

fn page(context: &Context, sockets: (usize, usize), census: Option<&(Census, Census)>) -> String {
    let engine = &context.engine;
    let mut page = Page::default();
    for (name, value) in engine.bus().counters().values() {
        page.family(name, "counter", "Count since the process started.");
        page.sample(name, "", value);
    }
    page.family("torana_build_info", "gauge", "Version of this process.");
    page.sample(
        "torana_build_info",
        &format!("version=\"{}\"", context.version),
        1_u64,
    );
    if let Some(bytes) = torana_host::process::resident_bytes() {
        let name = "torana_process_resident_memory_bytes";
        page.family(name, "gauge", "Memory this process holds.");
        page.sample(name, "", bytes);
    }
    page.family(
        "torana_process_uptime_seconds",
        "gauge",
        "Age of this process.",
    );
    page.sample(
        "torana_process_uptime_seconds",
        "",
        engine.world().monotonic_ms() / 1_000,
    );
    page.family("torana_connections", "gauge", "Open connections.");
    page.sample(
        "torana_connections",
        "authenticated=\"false\"",
        sockets.0 as u64,
    );
    page.sample(
        "torana_connections",
        "authenticated=\"true\"",
        sockets.1 as u64,
    );
    let (running, waiting) = engine.load();
    page.family(
        "torana_turns",
        "gauge",
        "Turns that run, and messages that wait behind one.",
    );
    page.sample("torana_turns", "state=\"running\"", running as u64);
    page.sample("torana_turns", "state=\"waiting\"", waiting as u64);
    page.family(
        "torana_storage_full",
        "gauge",
        "1 while nothing is accepted for want of disk space.",
    );
    page.sample("torana_storage_full", "", u64::from(engine.storage_full()));
    page.family(
        "torana_account_up",
        "gauge",
        "1 while a channel account receives and sends.",
    );
    for account in engine.accounts() {
        let labels = format!(
            "channel=\"{}\",account=\"{}\"",
            label(account.channel.as_str()),
            label(account.account.as_str())
        );
        page.sample(
            "torana_account_up",
            &labels,
            u64::from(account.state == AccountState::Running),
        );
    }
    if let Some((inbox, outbox)) = census {
        journal(&mut page, "inbox", inbox, engine.world().wall_ms());
        journal(&mut page, "outbox", outbox, engine.world().wall_ms());
    }
    page.text
}

fn journal(page: &mut Page, name: &str, census: &Census, now_ms: i64) {
    let (rows, age) = (
        format!("torana_{name}_rows"),
        format!("torana_{name}_oldest_seconds"),
    );
    page.family(&rows, "gauge", "Rows that are not done, by state.");
    for (state, count, _) in census {
        page.sample(&rows, &format!("state=\"{state}\""), *count);
    }
    page.family(&age, "gauge", "Age of the oldest row in a state.");
    for (state, _, oldest_ms) in census {
        page.sample(
            &age,
            &format!("state=\"{state}\""),
            now_ms.saturating_sub(*oldest_ms).max(0) / 1_000,
        );
    }
}

/// A label value with what the format reserves escaped.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
    }

    fn sample(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        if labels.is_empty() {
            self.line(format_args!("{name} {value}"));
        } else {
            self.line(format_args!("{name}{{{labels}}} {value}"));
        }
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.text, "{line}").expect("a string takes every text");
    }
}
