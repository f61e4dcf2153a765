//! Approvals and questions over a real socket: who asks, who hears, who decides, and that it happens once.

use serde_json::{Value, json};

use super::rig::{Client, Rig};

const DECIDER: &[&str] = &["operator.read", "operator.approvals", "operator.questions"];

fn request(id: &str) -> Value {
    json!({
        "id": id, "command": "rm -rf ./build\u{202e}gnp", "cwd": "/srv", "agentId": "main", "sessionKey": "main",
        "env": { "API_KEY": "do-not-show" }, "twoPhase": true,
    })
}

/// Says a request without waiting for its answer, and reads the first of its two answers.
async fn asked(client: &mut Client, method: &str, params: Value) -> Value {
    let frame = json!({ "type": "req", "id": "ask", "method": method, "params": params });
    client.say(frame.to_string()).await;
    client.answer().await.expect("an answer")
}

async fn event(client: &mut Client, name: &str) -> Value {
    client.until(|event| event["event"] == name).await;
    let found = client.events.iter().find(|event| event["event"] == name);
    found.expect("until found it")["payload"].clone()
}

#[tokio::test]
async fn a_command_waits_for_a_person_and_both_sides_hear_the_decision() {
    let rig = Rig::start().await;
    let mut asker = rig.operator(DECIDER).await;
    let mut person = rig.operator(DECIDER).await;
    let mut stranger = rig.operator(&["operator.read"]).await;
    let accepted = asked(&mut asker, "exec.approval.request", request("build-1")).await;
    assert_eq!(accepted["payload"]["status"], "accepted");

    let told = event(&mut person, "exec.approval.requested").await;
    assert_eq!(told["approvalKind"], "exec");
    // S-013: what could hide or turn the text is spelled out, and values of the environment are not shown at all.
    assert_eq!(told["request"]["command"], "rm -rf ./build\\u{202E}gnp");
    assert_eq!(told["request"]["envKeys"], json!(["API_KEY"]));
    assert!(!told.to_string().contains("do-not-show"));

    let listed = person.ask("exec.approval.list", json!({})).await;
    assert_eq!(listed["payload"][0]["id"], "build-1");
    let decided = person
        .ask(
            "exec.approval.resolve",
            json!({ "id": "build-1", "decision": "allow-once" }),
        )
        .await;
    assert_eq!(decided["payload"], json!({ "ok": true }));
    let last = asker.answer().await.expect("the decision");
    assert_eq!(
        (&last["id"], &last["payload"]["decision"]),
        (&json!("ask"), &json!("allow-once"))
    );

    // S-091: the stranger holds no approvals scope and hears nothing of it.
    let health = stranger.ask("health", json!({})).await;
    assert_eq!(health["ok"], true);
    assert!(
        stranger
            .events
            .iter()
            .all(|event| !event.to_string().contains("build-1"))
    );
}

#[tokio::test]
async fn the_first_decision_counts_and_the_second_is_told_so() {
    let rig = Rig::start().await;
    let mut asker = rig.operator(DECIDER).await;
    let mut person = rig.operator(DECIDER).await;
    asked(&mut asker, "exec.approval.request", request("twice-0001")).await;
    let resolve =
        |decision: &str| json!({ "id": "twice-0001", "kind": "exec", "decision": decision });
    let nobody = json!({ "id": "nobody-asked" });
    let missed = person.ask("exec.approval.waitDecision", nobody).await;
    assert_eq!(missed["error"]["message"], "approval expired or not found");
    let first = person.ask("approval.resolve", resolve("deny")).await;
    assert_eq!(first["payload"]["applied"], true);
    let second = person.ask("approval.resolve", resolve("allow-once")).await;
    assert_eq!(second["payload"]["applied"], false);
    assert_eq!(second["payload"]["approval"]["status"], "denied");
    let late = person
        .ask(
            "exec.approval.resolve",
            json!({ "id": "twice-0001", "decision": "allow-once" }),
        )
        .await;
    assert_eq!(late["error"]["message"], "unknown or expired approval id");
    assert_eq!(late["error"]["details"]["reason"], "APPROVAL_NOT_FOUND");
    assert_eq!(
        asker.answer().await.expect("the decision")["payload"]["decision"],
        "deny"
    );

    let history = person.ask("approval.history", json!({ "limit": 1 })).await;
    assert_eq!(history["payload"]["items"][0]["id"], "twice-0001");
    assert!(history["payload"].get("nextCursor").is_none());
}

#[tokio::test]
async fn nobody_answers_and_the_asker_is_told_that_time_ran_out() {
    let rig = Rig::start().await;
    let mut asker = rig.operator(DECIDER).await;
    let _person = rig.operator(DECIDER).await;
    let params = json!({ "command": "uptime", "timeoutMs": 1 });
    let ended = asker.ask("exec.approval.request", params).await;
    assert_eq!(ended["payload"]["decision"], Value::Null);
    assert_eq!(ended["payload"]["terminalReason"], "timeout");
}

#[tokio::test]
async fn a_request_nobody_is_there_to_answer_ends_at_once() {
    let rig = Rig::start().await;
    let mut asker = rig.operator(DECIDER).await;
    // Who asks does not answer, and who may not decide is nobody.
    let _stranger = rig.operator(&["operator.read"]).await;
    let mut insists = request("nobody-3");
    insists["requireDeliveryRoute"] = json!(true);
    for asked in [request("nobody-1"), insists] {
        let ended = asker.ask("exec.approval.request", asked).await;
        assert_eq!(
            (
                &ended["payload"]["decision"],
                &ended["payload"]["terminalReason"]
            ),
            (&Value::Null, &json!("no-route"))
        );
    }
    let got = asker.ask("approval.get", json!({ "id": "nobody-1" })).await;
    assert_eq!(got["payload"]["approval"]["status"], "denied");
    assert_eq!(got["payload"]["approval"]["reason"], "no-route");
    // However often it asks nobody, it may still ask somebody.
    for number in 0..600 {
        let params = request(&format!("nobody-{}", number + 10));
        asker.ask("exec.approval.request", params).await;
    }
    let mut waits = request("nobody-2");
    waits["requireDeliveryRoute"] = json!(false);
    let accepted = asked(&mut asker, "exec.approval.request", waits).await;
    assert_eq!(accepted["payload"]["status"], "accepted");
    let _person = rig.operator(DECIDER).await;
    let mut insists = request("somebody-1");
    insists["requireDeliveryRoute"] = json!(true);
    let accepted = asked(&mut asker, "exec.approval.request", insists).await;
    assert_eq!(accepted["payload"]["status"], "accepted");
}

#[tokio::test]
async fn decisions_are_in_the_audit_chain_without_what_was_asked_or_answered() {
    let rig = Rig::start().await;
    let mut asker = rig.operator(DECIDER).await;
    let mut person = rig.operator(&["operator.admin"]).await;
    asked(&mut asker, "exec.approval.request", request("audited-1")).await;
    let resolve = json!({ "id": "audited-1", "decision": "deny" });
    person.ask("exec.approval.resolve", resolve).await;
    let decided = asker.answer().await.expect("the decision");
    assert_eq!(decided["payload"]["decision"], "deny");
    asker.ask("question.request", question("q9")).await;
    let answer = json!({ "id": "q9", "answers": { "answers": { "colour": ["blue"] } } });
    let answered = person.ask("question.resolve", answer).await;
    assert_eq!(answered["ok"], true, "{answered}");
    let mut found = Vec::new();
    for kind in ["approval", "question"] {
        let page = person
            .ask("torana.audit.list", json!({ "kind": kind }))
            .await;
        found.push(page["payload"]["records"][0].clone());
    }
    assert_eq!(
        (
            &found[0]["action"],
            &found[0]["target"],
            &found[0]["outcome"]
        ),
        (
            &json!("exec.approval"),
            &json!("audited-1"),
            &json!("refused")
        )
    );
    assert_eq!(found[0]["detail"]["reason"], "user");
    assert!(
        found[0]["actor"]
            .as_str()
            .is_some_and(|actor| actor.contains(':'))
    );
    assert_eq!(
        (&found[1]["action"], &found[1]["outcome"]),
        (&json!("question.resolve"), &json!("done"))
    );
    let text = json!(found).to_string();
    assert!(!text.contains("rm -rf") && !text.contains("blue"), "{text}");
    let mut named = request("named-1");
    named["runId"] = json!("run-1");
    asked(&mut asker, "exec.approval.request", named).await;
    let resolve = json!({ "id": "named-1", "decision": "allow-once" });
    person.ask("exec.approval.resolve", resolve).await;
    let seen = person
        .ask("audit.run.inspect", json!({ "runId": "run-1" }))
        .await["payload"]
        .clone();
    assert_eq!(
        (&seen["run"]["status"], &seen["identity"]["state"]),
        (&json!("unknown"), &json!("unknown"))
    );
    let displays = seen["decisionDisplays"].as_array().expect("a list");
    assert_eq!(displays.len(), 1, "only what names the run");
    assert_eq!(displays[0]["selectorId"], "named-1");
    assert_eq!(
        displays[0]["decision"],
        json!({ "outcome": "allowed", "reasonCode": "user" })
    );
    for wrong in [
        json!({}),
        json!({ "runId": "a", "executionId": "b" }),
        json!({ "runId": "a", "decisionCursor": "b" }),
    ] {
        let refused = person.ask("audit.run.inspect", wrong).await;
        assert_eq!(refused["error"]["code"], "INVALID_REQUEST");
    }
    let chain = person.ask("torana.audit.verify", json!({})).await;
    assert_eq!(chain["payload"]["ok"], true);
}

#[tokio::test]
async fn a_decision_that_is_not_offered_is_refused_and_a_prefix_finds_the_row() {
    let rig = Rig::start().await;
    let mut asker = rig.operator(DECIDER).await;
    let mut person = rig.operator(DECIDER).await;
    let mut always = request("prefix-of-a-long-id");
    always["ask"] = json!("always");
    asked(&mut asker, "exec.approval.request", always).await;
    let resolve = |id: &str, decision: &str| json!({ "id": id, "decision": decision });
    for (id, decision, problem) in [
        (
            "prefix-o",
            "allow-always",
            "allow-always is not offered for this approval; there is allow-once, deny",
        ),
        ("prefix", "deny", "unknown or expired approval id"),
        (
            "prefix-o",
            "maybe",
            "invalid decision; there is allow-once, allow-always, deny",
        ),
    ] {
        let refused = person
            .ask("exec.approval.resolve", resolve(id, decision))
            .await;
        assert_eq!(refused["error"]["message"], problem);
    }
    let taken = person
        .ask("exec.approval.request", request("prefix-of-a-long-id"))
        .await;
    assert_eq!(
        taken["error"]["message"],
        "this id is taken; choose another"
    );
    let done = person
        .ask("exec.approval.resolve", resolve("prefix-o", "deny"))
        .await;
    assert_eq!(done["ok"], true);
}

#[tokio::test]
async fn the_policy_document_is_replaced_only_by_who_saw_the_current_one() {
    let rig = Rig::start().await;
    let mut admin = rig.operator(&["operator.admin"]).await;
    let empty = admin.ask("exec.approvals.get", json!({})).await["payload"].clone();
    assert_eq!(
        (&empty["exists"], &empty["resolvedDefaults"]["security"]),
        (&json!(false), &json!("allowlist"))
    );
    let file = json!({ "version": 1, "defaults": { "ask": "always" }, "agents": {} });
    let elsewhere = json!({ "file": file, "baseHash": "of a document that is gone" });
    let gone = admin.ask("exec.approvals.set", elsewhere).await;
    assert_eq!(
        gone["error"]["message"],
        "exec approvals changed since last load; re-run exec.approvals.get and retry"
    );
    let first = admin
        .ask("exec.approvals.set", json!({ "file": file }))
        .await["payload"]
        .clone();
    assert_eq!(
        (&first["exists"], &first["resolvedDefaults"]["ask"]),
        (&json!(true), &json!("always"))
    );
    let blind = admin
        .ask("exec.approvals.set", json!({ "file": file }))
        .await;
    let text = blind["error"]["message"].as_str().expect("a message");
    assert!(
        text.starts_with("exec approvals base hash required"),
        "{text}"
    );
    let stale = admin
        .ask(
            "exec.approvals.set",
            json!({ "file": file, "baseHash": empty["hash"] }),
        )
        .await;
    let text = stale["error"]["message"].as_str().expect("a message");
    assert!(
        text.starts_with("exec approvals changed since last load"),
        "{text}"
    );
    let weak = json!({ "version": 1, "defaults": { "security": "open" } });
    let wrong = admin
        .ask(
            "exec.approvals.set",
            json!({ "file": weak, "baseHash": first["hash"] }),
        )
        .await;
    assert_eq!(
        wrong["error"]["message"],
        "invalid exec approvals: file.defaults.security: must be one of deny, allowlist, full"
    );
    // S-105: the one replacement is written down, and nothing that was refused.
    let act = json!(["exec.approvals.set", first["path"]]);
    assert_eq!(rig.acts("exec-policy").await, [act]);
}

fn question(id: &str) -> Value {
    json!({
        "id": id,
        "questions": [{ "questionId": "colour", "header": "Colour", "question": "Which?", "isOther": false,
            "options": [{ "label": "red" }, { "label": "blue" }] }],
    })
}

#[tokio::test]
async fn a_question_is_answered_once_with_one_of_its_options() {
    let rig = Rig::start().await;
    let mut asker = rig.operator(DECIDER).await;
    let mut person = rig.operator(DECIDER).await;
    let asked = asker.ask("question.request", question("q1")).await;
    assert_eq!(asked["payload"]["id"], "q1");
    assert_eq!(
        event(&mut person, "question.requested").await["status"],
        "pending"
    );
    let answer = |text: &str| json!({ "id": "q1", "answers": { "answers": { "colour": [text] } }, "resolutionId": "r1" });
    let wrong = person.ask("question.resolve", answer("green")).await;
    assert_eq!(
        wrong["error"]["message"],
        "an answer is none of the options"
    );
    let right = person.ask("question.resolve", answer("blue")).await;
    assert_eq!(right["payload"]["status"], "answered");
    // The same answer again is no error; another one is.
    assert_eq!(
        person.ask("question.resolve", answer("blue")).await["ok"],
        true
    );
    let other = person
        .ask("question.resolve", json!({ "id": "q1", "cancel": true }))
        .await;
    assert_eq!(
        other["error"]["message"],
        "the question is answered already"
    );
    let waited = asker
        .ask(
            "question.waitAnswer",
            json!({ "id": "q1", "includeResolutionId": true }),
        )
        .await;
    assert_eq!(
        waited["payload"]["answers"]["answers"]["colour"],
        json!(["blue"])
    );
    assert_eq!(waited["payload"]["resolutionId"], "r1");
    assert_eq!(
        person.ask("question.list", json!({})).await["payload"]["questions"],
        json!([])
    );
}

#[tokio::test]
async fn s_105_names_a_client_invents_give_it_no_more_and_take_from_nobody() {
    let rig = Rig::start().await;
    let mut asker = rig.operator(&["operator.admin"]).await;
    let answer = json!({ "answers": { "colour": ["blue"] } });
    for number in 0..500 {
        let id = format!("q{number}");
        asker.ask("question.request", question(&id)).await;
        let named =
            json!({ "id": id, "answers": answer, "resolvedBy": format!("device:{number}") });
        let answered = asker.ask("question.resolve", named).await;
        assert_eq!(answered["ok"], true, "{answered}");
    }
    let mut routed = request("one-more");
    routed["requireDeliveryRoute"] = json!(false);
    for (method, params) in [
        ("question.request", question("q500")),
        ("exec.approval.request", routed),
    ] {
        let refused = asker.ask(method, params).await;
        assert_eq!(refused["error"]["details"]["code"], "BUSY", "{refused}");
        assert!(refused["error"]["retryAfterMs"].is_u64(), "{refused}");
    }
    let page = json!({ "kind": "question" });
    let page = asker.ask("torana.audit.list", page).await;
    let newest = &page["payload"]["records"][0];
    assert_eq!(newest["target"], "q499", "{newest}");
    assert_eq!(newest["detail"]["resolvedBy"], "device:499");
    assert_eq!(newest["actor"], "address:127.0.0.1");
}

#[tokio::test]
async fn a_decision_is_recorded_by_who_spoke_with_the_person_it_named() {
    let rig = Rig::start().await;
    let mut asker = rig.operator(DECIDER).await;
    let mut person = rig.operator(&["operator.admin"]).await;
    asked(&mut asker, "exec.approval.request", request("spoken-1")).await;
    let resolve = json!({
        "id": "spoken-1", "kind": "exec", "decision": "deny",
        "reviewer": { "channel": "chat", "accountId": "default", "senderId": "ann" },
    });
    let decided = person.ask("approval.resolve", resolve).await;
    assert_eq!(decided["payload"]["applied"], true, "{decided}");
    let page = json!({ "kind": "approval" });
    let page = person.ask("torana.audit.list", page).await;
    let record = &page["payload"]["records"][0];
    assert_eq!(record["actor"], "address:127.0.0.1", "{record}");
    assert_eq!(record["detail"]["resolvedBy"], "ann");
}

#[tokio::test]
async fn secrets_are_not_asked_for_where_they_would_be_stored() {
    let rig = Rig::start().await;
    let mut asker = rig.operator(DECIDER).await;
    let mut secret = question("q2");
    secret["questions"][0]["isSecret"] = json!(true);
    let refused = asker.ask("question.request", secret).await;
    assert_eq!(
        refused["error"]["message"],
        "this gateway has no store for secret answers"
    );
}

#[tokio::test]
async fn s_105_no_policy_is_replaced_that_cannot_be_written_down() {
    let rig = Rig::start().await;
    let mut admin = rig.operator(&["operator.admin"]).await;
    let gone = rig.context.engine.write(|connection| {
        connection.execute_batch("ALTER TABLE audit RENAME TO elsewhere")?;
        Ok(())
    });
    gone.await.expect("renamed");
    let file = json!({ "version": 1, "defaults": { "ask": "always" }, "agents": {} });
    let answer = admin
        .ask("exec.approvals.set", json!({ "file": file }))
        .await;
    assert_eq!(answer["ok"], false, "{answer}");
    let kept = admin.ask("exec.approvals.get", json!({})).await;
    assert_eq!(kept["payload"]["exists"], false, "{kept}");
}
