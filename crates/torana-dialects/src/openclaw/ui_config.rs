//! `control-ui-config.json`: what the Control UI asks for before it connects (OpenClaw 2026.9.6).

use hyper::StatusCode;
use serde_json::json;

use super::quirks::COMPATIBLE_RELEASE;
use crate::context::{Context, FrontSettings};
use crate::front::answer::{Answer, json as json_answer};
use crate::front::avatar::{self, Avatar};

/// The answer to whoever has shown a credential.
pub(crate) async fn ui_config(context: &Context, front: &FrontSettings) -> Answer {
    let settings = context.engine.settings();
    let agent = settings.default_agent();
    let known = agent.and_then(|agent| settings.agents.get(agent));
    let name = known.map(|agent| agent.name.as_str());
    let name = name.filter(|name| !name.is_empty());
    let picture = match agent {
        Some(agent) => avatar::find(context, agent).await,
        None => Avatar::Unset,
    };
    let shown = agent
        .and_then(|agent| picture.page_address(&front.base_path, agent))
        .or_else(|| known.and_then(|agent| agent.emoji.clone()))
        .or_else(|| name.and_then(|name| name.chars().next()).map(String::from));
    let [source, status, reason] = match picture {
        Avatar::Unset => [None, None, None],
        chosen => chosen.facts(),
    };
    let build_id = front
        .ui_folder
        .as_ref()
        .and_then(|folder| folder.build_id());
    let mut config = json!({
        "basePath": front.base_path,
        "assistantName": name.unwrap_or("Assistant"),
        "assistantAvatar": shown,
        "assistantAvatarSource": source,
        "assistantAvatarStatus": status,
        "assistantAvatarReason": reason,
        "assistantAgentId": agent.map(ToString::to_string),
        "serverVersion": COMPATIBLE_RELEASE,
        "embedSandbox": "scripts",
        "allowExternalEmbedUrls": false,
        // Fetching icons of other sites would be a request nobody asked for.
        "automaticallyFetchFavicons": false,
        "communityInvite": false,
        "terminalEnabled": false,
        "cliAgentsEnabled": false,
        "pluginAssetsRequireAuth": true,
        "pluginFrameGrants": [],
    });
    if let Some(build_id) = build_id {
        config["serverBuildId"] = json!(build_id);
    }
    json_answer(StatusCode::OK, &config)
}
