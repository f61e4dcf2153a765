//! `torana chat` over a restart of the gateway: what is typed meanwhile is answered afterwards.

use std::io::{Read as _, Write as _};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::cli::{Home, Running};
use crate::wait;

/// Anything on a busy machine with a development build.
const SEEN_MAX: Duration = Duration::from_secs(30);

#[test]
fn a_conversation_goes_on_when_the_gateway_is_back() {
    let home = Home::new("chat-restart");
    let mut gateway = Running::start(&home);
    let mut chat = home
        .command("chat")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut keyboard = chat.stdin.take().expect("piped");
    let mut output = chat.stdout.take().expect("piped");
    let printed = Arc::new(Mutex::new(String::new()));
    let seen = Arc::clone(&printed);
    // Ends with the program.
    std::thread::spawn(move || {
        let mut bytes = [0_u8; 4_096];
        while let Ok(count @ 1..) = output.read(&mut bytes) {
            let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
            seen.lock().expect("not poisoned").push_str(&text);
        }
    });
    let waits_for = |what: &str| {
        wait::until(what, SEEN_MAX, || {
            printed
                .lock()
                .expect("not poisoned")
                .contains(what)
                .then_some(())
        });
    };
    keyboard.write_all(b"my name is Ada\n").expect("typed");
    waits_for("Nice to meet you");

    assert_eq!(home.run("gateway stop").code, Some(0));
    assert_eq!(gateway.ended(), Some(0));
    keyboard.write_all(b"what is my name?\n").expect("typed");
    let _second = Running::start(&home);
    waits_for("You told me your name is **Ada**");

    drop(keyboard);
    let ended = wait::until("it ends with its input", SEEN_MAX, || {
        chat.try_wait().expect("asked")
    });
    assert_eq!(ended.code(), Some(0));
    let printed = printed.lock().expect("not poisoned");
    assert_eq!(
        printed.matches("Nice to meet you").count(),
        1,
        "nothing is said twice: {printed}"
    );
}
