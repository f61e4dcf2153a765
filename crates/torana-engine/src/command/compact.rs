//! `/compact`: answered at once, carried out behind the answer, because a summary takes as long as an answer does.
//!
//! Success shows by itself, as a line in the transcript and in the next answer; what went wrong is told.

use crate::engine::Engine;
use crate::reply;
use crate::run::CompactRequest;
use crate::session::Work;

/// Summarises the session of a command.
pub(super) fn start(engine: &Engine, work: &Work, focus: Option<String>) {
    let (engine, work) = (engine.clone(), work.clone());
    let name = format!("compact {}", work.session);
    engine.shared.tasks.clone().spawn(name, async move {
        let request = CompactRequest {
            focus,
            ..CompactRequest::default()
        };
        let why = match engine.compact_session(&work.session, request).await {
            Ok(Ok(_)) => return,
            Ok(Err(uncompacted)) => uncompacted.reason(),
            Err(problem) => problem.message,
        };
        tell(&engine, &work, &format!("Nothing was summarised: {why}.")).await;
    });
}

/// Tells the person who asked: on the platform, or in the transcript where there is none.
async fn tell(engine: &Engine, work: &Work, text: &str) {
    let Some(target) = &work.target else {
        if let Err(problem) = engine.inject(&work.session, text.to_owned(), None).await {
            tracing::warn!(session = %work.session, %problem, "A notice could not be stored.");
        }
        return;
    };
    let operations = reply::operations(engine, text, target, &[]);
    let (store, at_ms) = (engine.shared.store.clone(), engine.shared.world.wall_ms());
    let written = engine
        .shared
        .store
        .write(move |connection| {
            reply::insert(connection, &store, None, None, operations, false, at_ms)
        })
        .await;
    match written {
        Ok(intents) => engine.shared.delivery.submit(intents, false),
        Err(error) => {
            tracing::warn!(session = %work.session, %error, "A notice could not be stored.");
        }
    }
}
