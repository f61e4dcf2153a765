//! Commands that begin with `/`: those of this program, and everything else for the gateway.

/// A command of this program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Slash {
    Help,
    Agents(Option<String>),
    Sessions(Option<String>),
    Models(Option<String>),
    Think(Option<String>),
    Verbose(Option<String>),
    Reasoning(Option<String>),
    Deliver(Option<bool>),
    New,
    Reset,
    Abort,
    GatewayStatus,
    Question,
    Settings,
    Suggestions,
    Approve {
        id: Option<String>,
        decision: Option<String>,
    },
    Exit,
}

/// Names, what follows them, and what they do; the help and completion are made of it.
pub(crate) const COMMANDS: &[(&str, &str, &str)] = &[
    ("help", "", "show keys and commands"),
    ("agent", "[id]", "talk to another agent"),
    ("agents", "", "choose an agent"),
    ("session", "[key]", "show another session"),
    ("sessions", "", "choose a session"),
    ("model", "[name]", "use another model in this session"),
    ("models", "", "choose a model"),
    (
        "think",
        "[off|minimal|low|medium|high|xhigh|adaptive|max|default]",
        "how hard the model thinks",
    ),
    ("verbose", "[on|full|off]", "how much is told of tools"),
    (
        "reasoning",
        "[on|off|default]",
        "whether answers show what the model thinks",
    ),
    (
        "deliver",
        "[on|off]",
        "send answers to the session's platform as well",
    ),
    ("new", "", "begin a new session"),
    ("reset", "", "begin a fresh transcript in this session"),
    ("abort", "", "stop the answer"),
    (
        "gateway-status",
        "",
        "show version, channels and sessions; also /gwstatus",
    ),
    ("question", "", "answer what an agent asks"),
    ("suggestions", "", "take or dismiss what agents suggest"),
    ("settings", "", "choose what is shown"),
    (
        "approve",
        "[id] [allow-once|allow-always|deny]",
        "decide what an agent asked for",
    ),
    ("exit", "", "leave; also /quit"),
];

/// Commands of OpenClaw 2026.9.6 that need a gateway which has them. To one that does not they would be words for the
/// model, which nobody meant who typed them.
const ELSEWHERE: &str = "acp activation agentstatus allowlist auth bash browser-setup btw commands compact config context \
    dashboard debug diagnostics elev elevated exec export export-session export-trajectory fast goal learn login loop mcp \
    name openclaw plugin plugins queue restart send side skill status steer stop subagents tasks tell tools trace \
    trajectory tts update usage voice whoami";

/// The name of a command that only some gateways have.
pub(crate) fn elsewhere(line: &str) -> Option<&'static str> {
    let line = line.trim();
    let name = line.strip_prefix('/')?.split_whitespace().next()?;
    let name = name.trim_end_matches(':').to_ascii_lowercase();
    let is_one = !line.contains('\n');
    ELSEWHERE
        .split_whitespace()
        .find(|known| is_one && *known == name)
}

/// Reads a line. `None` when it is for the gateway.
pub(crate) fn parse(line: &str) -> Option<Slash> {
    let line = line.trim();
    let rest = line.strip_prefix('/')?;
    if rest.contains('\n') {
        return None;
    }
    let mut words = rest.split_whitespace();
    let name = words.next()?.to_ascii_lowercase();
    let name = name.trim_end_matches(':');
    let first = words.next().map(str::to_owned);
    let second = words.next().map(str::to_owned);
    if words.next().is_some() {
        return None;
    }
    let flag = |word: &Option<String>| match word.as_deref() {
        Some("on" | "yes" | "true") => Some(true),
        Some("off" | "no" | "false") => Some(false),
        _ => None,
    };
    let command = match (name, &second) {
        ("approve", _) => Slash::Approve {
            id: first,
            decision: second,
        },
        // What takes one word at most is the gateway's when there are more.
        (_, Some(_)) => return None,
        ("help" | "?", None) => Slash::Help,
        ("agent" | "agents", None) => Slash::Agents(first),
        ("session" | "sessions", None) => Slash::Sessions(first),
        ("model" | "models", None) => Slash::Models(first),
        ("think", None) => Slash::Think(first),
        ("verbose", None) => Slash::Verbose(first),
        ("reasoning", None) => Slash::Reasoning(first),
        ("deliver", None) => Slash::Deliver(flag(&first)),
        ("new", None) if first.is_none() => Slash::New,
        ("reset", None) if first.is_none() => Slash::Reset,
        ("abort", None) => Slash::Abort,
        ("gateway-status" | "gwstatus", None) => Slash::GatewayStatus,
        ("question" | "questions", None) if first.is_none() => Slash::Question,
        ("settings", None) if first.is_none() => Slash::Settings,
        ("suggestions", None) if first.is_none() => Slash::Suggestions,
        ("exit" | "quit" | "q", None) => Slash::Exit,
        _ => return None,
    };
    Some(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_commands_are_read_and_the_rest_is_the_gateways() {
        assert_eq!(
            parse("/model openai/gpt-5.2"),
            Some(Slash::Models(Some("openai/gpt-5.2".into())))
        );
        assert_eq!(
            parse(" /THINK: high "),
            Some(Slash::Think(Some("high".into())))
        );
        assert_eq!(
            parse("/reasoning on"),
            Some(Slash::Reasoning(Some("on".into())))
        );
        assert_eq!(
            parse("/approve ab12 deny"),
            Some(Slash::Approve {
                id: Some("ab12".into()),
                decision: Some("deny".into())
            })
        );
        for line in [
            "/compact",
            "/status",
            "/stop",
            "/new gpt-5",
            "/model list all",
            "hello",
            "/",
            "/help\nme",
            "/srv/notes.txt is mine",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    #[test]
    fn every_command_of_the_list_is_understood() {
        for (name, _, _) in COMMANDS {
            assert!(parse(&format!("/{name}")).is_some(), "{name}");
        }
    }
}
