//! Questions of agents to people.

use serde_json::{Value, json};
use torana_core::question::QuestionStatus;
use torana_engine::service::approvals::NewQuestion;
use torana_engine::store::question::End;

use super::ask::{agent_of, session_of};
use crate::openclaw::asks;
use crate::openclaw::error::WireError;
use crate::openclaw::frame::Payload;
use crate::openclaw::methods::{Call, Running};

/// How long one call waits for an answer when it does not say, milliseconds: below the clients' own limit of 30 s.
const WAIT_MS_DEFAULT: u64 = 25_000;
/// The longest one call waits, milliseconds: half an hour, as long as a question lives by default.
const WAIT_MS_MAX: u64 = 1_800_000;
/// Characters of one answer.
const ANSWER_CHARS_MAX: usize = 16_384;
/// Characters kept of whom a client names as answering: more than a platform's longest id.
const NAME_CHARS_MAX: usize = 256;

pub(in crate::openclaw::methods) fn ask_question(call: Call) -> Running {
    Box::pin(async move {
        let questions = call.params.get("questions").cloned().unwrap_or_default();
        check(&questions)?;
        let session = session_of(&call)?;
        let new = NewQuestion {
            asker: call.actor(),
            id: call.params.word("id").map(str::to_owned),
            questions,
            agent: agent_of(&call, session.as_ref())?,
            session,
            run_id: call.params.word("runId").map(str::to_owned),
            wait_ms: call.params.int("timeoutMs"),
        };
        let question = call.gateway.approvals().ask(new).await?;
        Ok(Payload::of(
            &json!({ "id": question.id, "expiresAtMs": question.expires_at_ms }),
        ))
    })
}

/// What the parameter types cannot say.
fn check(questions: &Value) -> Result<(), WireError> {
    let list = questions.as_array().map_or(&[][..], Vec::as_slice);
    if list.is_empty() || list.len() > 3 {
        return Err(WireError::invalid(
            "one to three questions are asked at once",
        ));
    }
    let mut ids = Vec::new();
    for question in list {
        let secret = question["isSecret"] == json!(true) || question.get("secretStore").is_some();
        if secret {
            // An answer is a row in the store; a secret does not belong there.
            return Err(WireError::invalid(
                "this gateway has no store for secret answers",
            ));
        }
        let id = question["questionId"].as_str().unwrap_or_default();
        let mut characters = id.chars();
        let starts = characters
            .next()
            .is_some_and(|first| first.is_ascii_lowercase());
        let plain = |character: char| {
            character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_'
        };
        if !starts || !characters.all(plain) || ids.contains(&id) {
            return Err(WireError::invalid(
                "a questionId is a lower-case word, once",
            ));
        }
        ids.push(id);
    }
    Ok(())
}

pub(in crate::openclaw::methods) fn questions(call: Call) -> Running {
    Box::pin(async move {
        let rows = call.gateway.approvals().questions().await?;
        let list: Vec<Value> = rows.iter().map(asks::question).collect();
        Ok(Payload::of(&json!({ "questions": list })))
    })
}

pub(in crate::openclaw::methods) fn show_question(call: Call) -> Running {
    Box::pin(async move {
        let id = call.params.word("id").unwrap_or_default();
        let question = call.gateway.approvals().question(id).await?;
        Ok(Payload::of(
            &json!({ "question": asks::question(&question) }),
        ))
    })
}

pub(in crate::openclaw::methods) fn resolve_question(call: Call) -> Running {
    Box::pin(async move {
        let id = call.params.word("id").unwrap_or_default();
        let resolved_by = call.params.word("resolvedBy");
        let resolved_by = resolved_by.map(|name| name.chars().take(NAME_CHARS_MAX).collect());
        let end = if call.params.flag("cancel") == Some(true) {
            End {
                status: QuestionStatus::Cancelled,
                answers: None,
                resolved_by,
                resolution_id: None,
            }
        } else {
            let question = call.gateway.approvals().question(id).await?;
            let answers = call.params.get("answers").cloned().unwrap_or_default();
            check_answers(&question.questions, &answers)?;
            End {
                status: QuestionStatus::Answered,
                answers: Some(answers),
                resolved_by,
                resolution_id: call.params.word("resolutionId").map(str::to_owned),
            }
        };
        let approvals = call.gateway.approvals();
        let question = approvals.answer(id, end, &call.actor()).await?;
        Ok(Payload::of(&asks::outcome(&question)))
    })
}

/// Every answer belongs to a question, and is one of its options unless it takes free text.
fn check_answers(questions: &Value, answers: &Value) -> Result<(), WireError> {
    let given = answers["answers"]
        .as_object()
        .ok_or_else(|| WireError::invalid("answers or cancel is required"))?;
    let list = questions.as_array().map_or(&[][..], Vec::as_slice);
    for (id, texts) in given {
        let question = list
            .iter()
            .find(|question| question["questionId"].as_str() == Some(id))
            .ok_or_else(|| WireError::invalid("an answer belongs to no question"))?;
        let texts = texts.as_array().map_or(&[][..], Vec::as_slice);
        if texts.len() > 1 && question["multiSelect"] != json!(true) {
            return Err(WireError::invalid("one answer is asked for"));
        }
        let options = question["options"]
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        let free = options.is_empty() || question["isOther"] != json!(false);
        for text in texts {
            let text = text.as_str().unwrap_or_default();
            if text.chars().count() > ANSWER_CHARS_MAX {
                return Err(WireError::invalid(format!(
                    "an answer has at most {ANSWER_CHARS_MAX} characters"
                )));
            }
            if !free
                && !options
                    .iter()
                    .any(|option| option["label"].as_str() == Some(text))
            {
                return Err(WireError::invalid("an answer is none of the options"));
            }
        }
    }
    Ok(())
}

pub(in crate::openclaw::methods) fn wait_answer(call: Call) -> Running {
    Box::pin(async move {
        let id = call.params.word("id").unwrap_or_default();
        let asked = call
            .params
            .int("timeoutMs")
            .and_then(|ms| u64::try_from(ms).ok());
        let wait_ms = asked.unwrap_or(WAIT_MS_DEFAULT).min(WAIT_MS_MAX);
        let question = call
            .gateway
            .approvals()
            .wait_for_answer(id, wait_ms)
            .await?;
        let mut answer = asks::outcome(&question);
        if call.params.flag("includeResolutionId") == Some(true)
            && let Some(resolution) = &question.resolution_id
        {
            answer["resolutionId"] = json!(resolution);
        }
        Ok(Payload::of(&answer))
    })
}
