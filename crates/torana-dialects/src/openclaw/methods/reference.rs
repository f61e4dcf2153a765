//! What the table says of itself: the names for hello, and the reference page.

use std::sync::OnceLock;

use super::method::Needs;
use super::table::rows;
use crate::openclaw::params::Effect;

/// Names for `features.methods`.
pub(crate) fn listed() -> &'static [&'static str] {
    static LISTED: OnceLock<Vec<&'static str>> = OnceLock::new();
    LISTED.get_or_init(|| {
        rows()
            .filter(|method| method.listed)
            .map(|method| method.name)
            .collect()
    })
}

/// The reference page of this dialect's methods.
pub fn reference_markdown() -> String {
    let mut text = String::from(
        "# OpenClaw protocol: methods\n\nGenerated from the method table.\n`W` marks control-plane writes, limited to 30 per minute and client.\nParameters in parentheses are accepted and change nothing, because what they ask for is so anyway; parameters of\nthe original protocol that are not listed are refused by name.\n\n\
         | method | scope | | parameters | since | |\n|---|---|---|---|---|---|\n",
    );
    for method in rows() {
        let scope = match method.needs {
            Needs::Nothing | Needs::Operator => "none".to_owned(),
            Needs::Node { .. } => "node role".to_owned(),
            Needs::Scope(scope) => format!("`{scope}`"),
            Needs::Depends(scope, _) => format!("`{scope}` or more, by parameters"),
        };
        let params: Vec<String> = method
            .params
            .fields
            .iter()
            .filter_map(|field| match field.effect {
                Effect::Absent(_) => None,
                Effect::Moot(_) if field.required => Some(format!("(`{}`)", field.name)),
                Effect::Moot(_) => Some(format!("(`{}?`)", field.name)),
                Effect::Read | Effect::Kept if field.required => Some(format!("`{}`", field.name)),
                Effect::Read | Effect::Kept => Some(format!("`{}?`", field.name)),
            })
            .collect();
        let flag = if method.write { "W" } else { "" };
        text.push_str(&format!(
            "| `{}` | {scope} | {flag} | {} | {} | {} |\n",
            method.name,
            params.join(", "),
            method.since,
            method.doc
        ));
    }
    text
}
