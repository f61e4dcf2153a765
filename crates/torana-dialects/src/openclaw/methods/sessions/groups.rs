//! The groups that people sort their sessions into: listed, ordered, renamed and removed.

use serde_json::{Value, json};
use torana_engine::service::groups::{self as service, Groups};

use crate::openclaw::frame::Payload;
use crate::openclaw::methods::{Call, Running};

fn shape(groups: &Groups) -> Value {
    let named: Vec<Value> = groups
        .names
        .iter()
        .enumerate()
        .map(|(position, name)| json!({ "name": name, "position": position }))
        .collect();
    json!({ "groups": named, "sectionOrder": groups.sections })
}

fn changed(call: &Call, groups: &Groups, moved: Option<usize>) -> Payload {
    call.gateway.hub().tell_groups();
    let mut answer = shape(groups);
    answer["ok"] = json!(true);
    if let Some(moved) = moved {
        answer["updatedSessions"] = json!(moved);
    }
    Payload::of(&answer)
}

pub(in crate::openclaw::methods) fn groups(call: Call) -> Running {
    Box::pin(async move { Ok(Payload::of(&shape(&service::list(call.engine()).await?))) })
}

/// Folders that new sessions of a group begin in come with workspaces; no group has one.
pub(in crate::openclaw::methods) fn defaults(_call: Call) -> Running {
    Box::pin(async move { Ok(Payload::of(&json!({ "defaults": [] }))) })
}

pub(in crate::openclaw::methods) fn put(call: Call) -> Running {
    Box::pin(async move {
        let params = &call.params;
        let sections = params
            .get("sectionOrder")
            .map(|_| params.texts("sectionOrder"));
        let groups = service::put(call.engine(), params.texts("names"), sections).await?;
        Ok(changed(&call, &groups, None))
    })
}

pub(in crate::openclaw::methods) fn rename(call: Call) -> Running {
    Box::pin(async move {
        let word = |name: &str| call.params.word(name).unwrap_or_default().to_owned();
        let (groups, moved) = service::rename(call.engine(), word("name"), word("to")).await?;
        Ok(changed(&call, &groups, Some(moved)))
    })
}

pub(in crate::openclaw::methods) fn delete(call: Call) -> Running {
    Box::pin(async move {
        let name = call.params.word("name").unwrap_or_default().to_owned();
        let (groups, moved) = service::delete(call.engine(), name).await?;
        Ok(changed(&call, &groups, Some(moved)))
    })
}
