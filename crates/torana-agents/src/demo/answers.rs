//! Decides what the demo says. Pure: the conversation and the offers go in, a text comes out.

use std::fmt::Write as _;

use super::samples;
use crate::offers::Offer;
use crate::provider::{Speaker, Utterance};

/// How an answer is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// Complete within half a second.
    Normal,
    /// Many pieces in quick succession.
    Long,
    /// Over about eight seconds.
    Slow,
    /// Begins and then fails.
    Failing,
}

/// What to say and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) manner: Manner,
}

impl Answer {
    fn normal(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            manner: Manner::Normal,
        }
    }
}

/// The answer to the last utterance.
pub(super) fn answer(utterances: &[Utterance], offers: &[Offer]) -> Answer {
    let input = utterances.last().map_or("", |last| last.text.as_str());
    let said = input_of(input);
    if let Some(answer) = command(said) {
        return answer;
    }
    let lower = said.to_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| !c.is_alphanumeric() && c != '\'')
        .filter(|word| !word.is_empty())
        .collect();
    let mentions = |phrases: &[&str]| phrases.iter().any(|phrase| lower.contains(phrase));
    let earlier: Vec<&str> = utterances[..utterances.len().saturating_sub(1)]
        .iter()
        .filter(|utterance| utterance.speaker == Speaker::User)
        .map(|utterance| input_of(&utterance.text))
        .collect();
    let name = earlier.iter().rev().find_map(|text| given_name(text));
    if let Some(name) = given_name(said) {
        return Answer::normal(format!(
            "Nice to meet you, **{name}**. I will remember your name for this conversation; ask me *what is my name?* to see it."
        ));
    }
    if mentions(&["my name", "who am i"]) {
        return Answer::normal(match name {
            Some(name) => format!("You told me your name is **{name}**."),
            None => "You have not told me yet. Write *my name is …* and ask again.".to_owned(),
        });
    }
    if mentions(&[
        "configur",
        "set up",
        "setup",
        "api key",
        "apikey",
        "real model",
        "openai",
        "anthropic",
        "ollama",
        "which model",
        "what model",
        "local model",
    ]) {
        return Answer::normal(configuration(offers));
    }
    if mentions(&[
        "who are you",
        "what are you",
        "what is this",
        "what's this",
        "your name",
        "torana",
    ]) {
        return Answer::normal(introduction(offers));
    }
    if let Some(answer) = wish(&words) {
        return answer;
    }
    if mentions(&[
        "what can you do",
        "what can i do",
        "what do you do",
        "can you do",
    ]) || words.first() == Some(&"help")
    {
        return Answer::normal(abilities());
    }
    if words
        .iter()
        .any(|word| matches!(*word, "thanks" | "thank" | "thx" | "danke" | "merci"))
    {
        return Answer::normal(
            "You are welcome. When you want to go on with a real model, ask me to *help me configure*.",
        );
    }
    if words
        .iter()
        .any(|word| matches!(*word, "bye" | "goodbye" | "ciao" | "tschüss"))
    {
        return Answer::normal(
            "Goodbye. This conversation is stored, so it is still here when you come back.",
        );
    }
    let greets = words.iter().take(3).any(|word| {
        matches!(
            *word,
            "hello" | "hi" | "hey" | "hallo" | "moin" | "hola" | "bonjour" | "greetings" | "good"
        )
    });
    if greets && words.len() <= 8 {
        return Answer::normal(greeting(name.as_deref(), earlier.len()));
    }
    Answer::normal(fallback(said, earlier.len(), name.as_deref()))
}

/// The words of the person, without a `[sender]` note before them.
fn input_of(text: &str) -> &str {
    let text = text.trim();
    match text
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("] "))
    {
        Some((note, rest)) if !note.contains('\n') => rest.trim(),
        _ => text,
    }
}

fn command(said: &str) -> Option<Answer> {
    if let Some(rest) = strip_word(said, "echo") {
        return Some(Answer::normal(if rest.is_empty() {
            "(nothing to echo)"
        } else {
            rest
        }));
    }
    let wanted = strip_word(said, "demo:")
        .or_else(|| strip_word(said, "demo"))?
        .to_lowercase();
    Some(sample(&wanted).unwrap_or_else(|| {
        if wanted.is_empty() {
            return Answer::normal(abilities());
        }
        let shown: String = wanted.chars().take(40).collect();
        Answer::normal(format!(
            "There is no demo called `{}`.\n\n{}",
            shown.replace('`', "'"),
            abilities()
        ))
    }))
}

/// One of the demos in a person's own words, such as *a long reply, please* or *show me some code*.
fn wish(words: &[&str]) -> Option<Answer> {
    // A longer sentence is about something else, and a few words about errors or slowness are rather a complaint.
    const WORDS_MAX: usize = 7;
    const ASKING: [&str; 10] = [
        "show", "give", "make", "write", "send", "try", "want", "please", "demo", "example",
    ];
    let has = |wanted: &[&str]| words.iter().any(|word| wanted.contains(word));
    let asks = has(&ASKING);
    if words.len() > WORDS_MAX || !(asks || words.len() <= 3) {
        return None;
    }
    let wanted = match () {
        () if has(&["markdown", "formatting", "table", "tables"]) => "markdown",
        () if has(&["code"]) => "code",
        () if asks && has(&["slow", "slowly"]) => "slow",
        () if asks && has(&["error", "failure", "fail"]) => "error",
        () if has(&["long", "longer"])
            && has(&["reply", "answer", "text", "message", "one", "story"]) =>
        {
            "long"
        }
        () => return None,
    };
    sample(wanted)
}

/// A demo by its name.
fn sample(name: &str) -> Option<Answer> {
    Some(match name {
        "markdown" => Answer::normal(samples::MARKDOWN),
        "code" => Answer::normal(samples::CODE),
        "long" => Answer {
            text: samples::long(),
            manner: Manner::Long,
        },
        "slow" => Answer {
            text: samples::SLOW.to_owned(),
            manner: Manner::Slow,
        },
        "error" => Answer {
            text: "This answer begins well, and then".to_owned(),
            manner: Manner::Failing,
        },
        _ => return None,
    })
}

/// What follows a word at the start, in any case.
fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let head = text.get(..word.len())?;
    let rest = &text[word.len()..];
    let ends = rest.is_empty() || word.ends_with(':') || rest.starts_with(char::is_whitespace);
    (head.eq_ignore_ascii_case(word) && ends).then(|| rest.trim())
}

/// The name in "my name is Ann", "call me Ann".
fn given_name(text: &str) -> Option<String> {
    ["my name is ", "my name's ", "call me "]
        .iter()
        .find_map(|phrase| {
            // ASCII lower-casing keeps byte positions.
            let at = text.to_ascii_lowercase().find(phrase)? + phrase.len();
            let name: String = text[at..]
                .chars()
                .take_while(|c| c.is_alphabetic() || matches!(c, '-' | '\''))
                .take(40)
                .collect();
            (!name.is_empty()).then_some(name)
        })
}

fn greeting(name: Option<&str>, earlier: usize) -> String {
    let who = name.map(|name| format!(", {name}")).unwrap_or_default();
    if earlier == 0 {
        format!(
            "Hello{who}. I am Torana's **demo agent**: I run inside the gateway, need no key and send nothing anywhere.\n\n\
             Ask *what can you do?* to see me work, or *help me configure* to connect a real model."
        )
    } else {
        format!(
            "Hello again{who}. You have written {} before this one; I kept them all.",
            messages(earlier)
        )
    }
}

fn messages(count: usize) -> String {
    if count == 1 {
        "1 message".to_owned()
    } else {
        format!("{count} messages")
    }
}

fn abilities() -> String {
    "I am a demo, so I only pretend to think, but everything around me is real: your message is stored before it is \
     answered, and the answer streams as a model's would.\n\n\
     Try:\n\n\
     - `demo: markdown` for headings, tables, quotes and links\n\
     - `demo: code` for code blocks\n\
     - `demo: long` for a reply of several pages\n\
     - `demo: slow` for one that takes eight seconds; press stop or send another message meanwhile\n\
     - `demo: error` for a failure in the middle\n\
     - `echo hello` to get your own words back\n\
     - *my name is …*, and later *what is my name?*\n\n\
     To talk to a real model, ask *help me configure*."
        .to_owned()
}

fn introduction(offers: &[Offer]) -> String {
    let mut text = "I am the demo agent of **Torana**, a gateway that connects chats (this page, Telegram and others) with \
                    AI agents. It runs on your machine and keeps every message until it is answered.\n\n\
                    No model is configured yet, so you are talking to me."
        .to_owned();
    if let Some(offer) = offers.first() {
        write!(
            text,
            " This machine could use **{}** ({}):\n\n```sh\n{}\n```",
            offer.name,
            offer.source,
            offer.command()
        )
        .unwrap_or_default();
    } else {
        text.push_str(" Ask *help me configure* to change that.");
    }
    text
}

fn configuration(offers: &[Offer]) -> String {
    let mut text = String::new();
    if offers.is_empty() {
        text.push_str(
            "I found no key in the environment. There are two ways to connect a model.\n\n",
        );
    } else {
        text.push_str("This machine already has what these need; one command takes an offer:\n\n");
        for offer in offers {
            writeln!(
                text,
                "- **{}** (found: `{}`): `{}`",
                offer.name,
                offer.source,
                offer.command()
            )
            .unwrap_or_default();
        }
        text.push_str("\nNothing is used before you say so. The other ways:\n\n");
    }
    text.push_str(
        "**With a key in the environment.** Set `OPENAI_API_KEY`, `ANTHROPIC_API_KEY`, `OPENROUTER_API_KEY`, \
         `GROQ_API_KEY`, `MISTRAL_API_KEY`, `GEMINI_API_KEY`, `XAI_API_KEY` or `DEEPSEEK_API_KEY` before starting \
         `torana`, and name a model:\n\n\
         ```sh\ntorana config set agents.defaults.model.primary openai/gpt-5-mini\n```\n\n\
         **In the configuration file**, which `torana config file` shows. This one uses a model server of your own:\n\n\
         ```json5\n{\n  models: {\n    providers: {\n      ollama: {\n        baseUrl: \"http://127.0.0.1:11434/v1\",\n        \
         api: \"openai-completions\",\n        models: [{ id: \"llama3.2\" }],\n      },\n    },\n  },\n  agents: { defaults: \
         { model: { primary: \"ollama/llama3.2\" } } },\n}\n```\n\n\
         The change is noticed while the gateway runs, and your next message goes to the new model. \
         `torana doctor` looks for local model servers and checks the result.",
    );
    text
}

fn fallback(said: &str, earlier: usize, name: Option<&str>) -> String {
    let who = name.map(|name| format!(", {name}")).unwrap_or_default();
    let quoted: String = said
        .chars()
        .take(120)
        .map(|c| if c == '\n' { ' ' } else { c })
        .collect();
    let dots = if said.chars().count() > 120 {
        "…"
    } else {
        ""
    };
    let count = match earlier {
        0 => "It is your first message here.".to_owned(),
        _ => format!("Before it you wrote {}.", messages(earlier)),
    };
    let question = if said.trim_end().ends_with('?') {
        "That is a question for a real model; I am only the demo"
    } else {
        "I read your message, but I am only the demo"
    };
    format!(
        "{question}{who}.\n\n> {quoted}{dots}\n\n{count} \
         Ask *what can you do?* for things to try, or *help me configure* to connect a model that knows the answer."
    )
}
