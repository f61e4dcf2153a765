//! The admission keys that every channel shares: `dmPolicy`, `allowFrom`, `groupPolicy`, per channel and account.

use super::Checks;
use crate::config::document::Node;
use crate::config::finding::Part;
use crate::config::path::KeyPath;

/// How an entry of an allowlist names a group of people.
const ACCESS_GROUP_PREFIX: &str = "accessGroup:";

/// One channel or one of its accounts, with what it inherits.
struct Scope<'a> {
    path: KeyPath,
    part: Part,
    own: &'a Node,
    parent: Option<&'a Node>,
}

// === impl Checks ===

impl Checks<'_> {
    pub(super) fn channels(&mut self) {
        for scope in scopes(self.resolved) {
            if !self
                .config
                .channels
                .sections
                .contains_key(channel_of(&scope))
                || scope.get("enabled").is_some_and(Node::is_false)
            {
                continue;
            }
            self.direct_policy(&scope);
            self.access_groups(&scope);
        }
    }

    fn direct_policy(&mut self, scope: &Scope<'_>) {
        // An account that changes neither key is judged with its channel.
        if scope.parent.is_some()
            && scope.own.get("dmPolicy").is_none()
            && scope.own.get("allowFrom").is_none()
        {
            return;
        }
        let Some(policy) = scope.get("dmPolicy").and_then(Node::text) else {
            return;
        };
        let senders = scope.senders();
        let path = scope.path.key("allowFrom");
        match policy {
            "allowlist" if senders.is_empty() => self.problem(
                path,
                "is empty, so `dmPolicy: \"allowlist\"` would admit nobody",
                Some("list who may write, or use `pairing`"),
            ),
            "open" if !senders.iter().any(|sender| sender == "*") => self.problem(
                path,
                "must contain \"*\" for `dmPolicy: \"open\"`",
                Some("add it, or use `pairing`"),
            ),
            _ => {}
        }
    }

    fn access_groups(&mut self, scope: &Scope<'_>) {
        for key in ["allowFrom", "groupAllowFrom"] {
            let entries = scope.own.get(key).map(Node::items).unwrap_or_default();
            let named = entries.iter().position(|entry| {
                entry
                    .text()
                    .is_some_and(|text| text.starts_with(ACCESS_GROUP_PREFIX))
            });
            if let Some(index) = named {
                let path = scope.path.key(key).index(index);
                let message = format!(
                    "uses an access group, which is not built yet, so this stays off: {}",
                    scope.part
                );
                self.refuse(path, scope.part.clone(), &message);
            }
        }
    }

    /// Where more than one person may write directly, if anywhere.
    pub(super) fn several_people(&self) -> Option<KeyPath> {
        scopes(self.resolved)
            .into_iter()
            .filter(|scope| {
                self.config
                    .channels
                    .sections
                    .contains_key(channel_of(scope))
            })
            .filter(|scope| !scope.get("enabled").is_some_and(Node::is_false))
            .filter(|scope| scope.get("dmPolicy").and_then(Node::text) != Some("disabled"))
            .find(|scope| {
                let senders = scope.senders();
                senders.len() > 1 || senders.iter().any(|sender| sender == "*")
            })
            .map(|scope| scope.path.key("allowFrom"))
    }
}

// === impl Scope ===

impl<'a> Scope<'a> {
    fn get(&self, key: &str) -> Option<&'a Node> {
        self.own.get(key).or_else(|| self.parent?.get(key))
    }

    fn senders(&self) -> Vec<String> {
        let list = self.get("allowFrom").map(Node::items).unwrap_or_default();
        list.iter().filter_map(Node::id_text).collect()
    }
}

fn channel_of<'a>(scope: &'a Scope<'_>) -> &'a str {
    match &scope.part {
        Part::Channel { channel, .. } => channel,
        _ => "",
    }
}

fn scopes(root: &Node) -> Vec<Scope<'_>> {
    let channels = root.get("channels").map(Node::members).unwrap_or_default();
    let mut scopes = Vec::new();
    for channel in channels {
        let path = KeyPath::from_keys(&["channels", &channel.key]);
        scopes.push(Scope {
            part: Part::Channel {
                channel: channel.key.clone(),
                account: None,
            },
            own: &channel.value,
            parent: None,
            path: path.clone(),
        });
        let accounts = channel
            .value
            .get("accounts")
            .map(Node::members)
            .unwrap_or_default();
        scopes.extend(accounts.iter().map(|account| Scope {
            path: path.key("accounts").key(&*account.key),
            part: Part::Channel {
                channel: channel.key.clone(),
                account: Some(account.key.clone()),
            },
            own: &account.value,
            parent: Some(&channel.value),
        }));
    }
    scopes
}
