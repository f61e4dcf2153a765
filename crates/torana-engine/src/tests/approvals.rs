//! Approvals and questions that nobody answers in time, and too many of them.

use torana_core::approval::{Approval, Decision, Kind, Resolver, Status};
use torana_core::limit::APPROVAL_PENDING_MAX;
use torana_core::problem::Code;
use torana_core::question::QuestionStatus;

use super::*;
use crate::service::approvals::{Approvals, NewApproval, NewQuestion};
use crate::store::approval;

const WAIT_MS: i64 = 60_000;

fn asked(id: &str) -> NewApproval {
    NewApproval {
        asker: "client".to_owned(),
        id: Some(id.to_owned()),
        kind: Kind::Exec,
        request: serde_json::json!({}),
        allowed: vec![Decision::AllowOnce, Decision::Deny],
        agent: None,
        session: None,
        wait_ms: Some(WAIT_MS),
        routed: true,
    }
}

/// The expiry has seen what waits and sleeps, on a clock that wakes nobody.
async fn settled() {
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn s_016_a_word_that_comes_too_late_allows_nothing() {
    let rig = Rig::new("late", AgentRules::default(), |_, _| {}).await;
    let approvals = Approvals::start(&rig.engine);
    approvals.request(asked("late")).await.expect("stored");
    settled().await;
    let waiting = async || approvals.pending(None).await.expect("read").len();
    rig.later(WAIT_MS - 1);
    assert_eq!(waiting().await, 1);
    rig.later(1);
    assert_eq!(waiting().await, 0, "what is over is not offered any more");
    let resolver = Resolver {
        kind: "device".to_owned(),
        id: None,
    };
    let resolved = approvals
        .resolve("late", Decision::AllowOnce, resolver, "client")
        .await
        .expect("answered");
    assert!(!resolved.applied);
    assert_eq!(resolved.approval.status, Status::Expired);
    assert_eq!(resolved.approval.decision, None);
}

#[tokio::test]
async fn s_016_requests_that_wait_are_bounded() {
    let rig = Rig::new("full", AgentRules::default(), |_, _| {}).await;
    let approvals = Approvals::start(&rig.engine);
    let row = approvals.request(asked("first")).await.expect("stored");
    let filled = rig.engine.write(move |connection| {
        for number in 2..APPROVAL_PENDING_MAX {
            let id = format!("more-{number}");
            approval::insert(connection, &Approval { id, ..row.clone() })?;
        }
        Ok(())
    });
    filled.await.expect("stored");
    approvals.request(asked("last")).await.expect("stored");
    let refused = approvals.request(asked("beyond")).await;
    assert_eq!(refused.map_err(|problem| problem.code), Err(Code::Busy));
}

#[tokio::test]
async fn a_question_nobody_answers_ends_by_itself() {
    let rig = Rig::new("expiry", AgentRules::default(), |_, _| {}).await;
    let approvals = Approvals::start(&rig.engine);
    let question = NewQuestion {
        asker: "client".to_owned(),
        id: Some("q".to_owned()),
        questions: serde_json::json!([]),
        agent: None,
        session: None,
        run_id: None,
        wait_ms: Some(WAIT_MS),
    };
    approvals.ask(question).await.expect("stored");
    rig.later(WAIT_MS);
    // Anything new makes the expiry look again, as the end of its sleep would.
    approvals.request(asked("a")).await.expect("stored");
    let expired = async {
        while approvals.question("q").await.expect("read").status == QuestionStatus::Pending {
            tokio::task::yield_now().await;
        }
    };
    let limit = std::time::Duration::from_secs(20);
    let ended = tokio::time::timeout(limit, expired).await;
    assert!(ended.is_ok(), "it waits for ever");
    let question = approvals.question("q").await.expect("read");
    assert_eq!(question.status, QuestionStatus::Expired);
}
