//! Text from clients is only text (S-025): every method gets parameters of the right shape, made of what would be code
//! in a query, a path or a template, and none of them fails inside.

use serde_json::{Map, Value, json};

use super::super::methods::{Needs, rows};
use super::super::params::{Kind, LONG, Spec};
use super::rig::{Client, Rig};

/// What is put wherever a text fits.
const TEXTS: &[&str] = &[
    "' OR 1=1; --",
    "\"; DROP TABLE inbox; --",
    "x') UNION SELECT key, value FROM session --",
    "?1 {0} ${HOME} $(id) `id` %s %n",
    "../../../../etc/passwd",
    "\\..\\..\\x",
];

/// A value of a kind, with the text wherever one fits.
fn filled(kind: &Kind, text: &str) -> Value {
    match kind {
        Kind::Any | Kind::Text(_, LONG) => json!(text),
        Kind::Text(min, max) => {
            let cut: String = text.chars().take(*max).collect();
            json!(format!("{cut:'<min$}"))
        }
        // `true` asks some methods to answer twice.
        Kind::Bool => json!(false),
        Kind::Int(min, _) => json!(min),
        Kind::Number => json!(0),
        Kind::OneOf(words) | Kind::Constant(words) => json!(words.first()),
        Kind::List(item) | Kind::Items(item, ..) => json!([filled(item, text)]),
        Kind::Object(spec) => object(spec, text),
        Kind::Map(item) => json!({ text: filled(item, text) }),
        Kind::OrNull(inner) | Kind::OrWord(inner, _) | Kind::OrList(inner) => filled(inner, text),
    }
}

fn object(spec: &Spec, text: &str) -> Value {
    let fields = spec.fields.iter();
    let map: Map<String, Value> = fields
        .map(|field| (field.name.to_owned(), filled(&field.kind, text)))
        .collect();
    Value::Object(map)
}

/// Only what a method requires, and a deadline where it would wait for somebody.
fn required(spec: &Spec, text: &str) -> Value {
    let fields = spec
        .fields
        .iter()
        .filter(|field| field.required || field.name == "timeoutMs");
    let map: Map<String, Value> = fields
        .map(|field| (field.name.to_owned(), filled(&field.kind, text)))
        .collect();
    Value::Object(map)
}

/// Asks under an id of its own, because some methods answer a second time, later.
async fn ask(client: &mut Client, id: String, method: &str, params: Value) -> Value {
    client.begin(&id, method, params).await;
    loop {
        let answer = client.answer().await.expect("an answer");
        if answer["id"] == id.as_str() {
            return answer;
        }
    }
}

#[tokio::test]
async fn s_025_code_in_parameters_is_only_text() {
    let rig = Rig::start().await;
    let mut number = 0;
    for text in TEXTS {
        // A client each: control-plane writes are limited, and a flood of its own is not what is asked here.
        let mut admin = rig.operator(&["operator.admin"]).await;
        // Calls of a role that is not one's own end the connection after a few; that is proven elsewhere.
        let asked = rows()
            .filter(|row| !matches!(row.needs, Needs::Node { .. }))
            // What it suspends would answer none of the others.
            .filter(|row| row.name != "gateway.suspend.prepare");
        for method in asked {
            for params in [object(&method.params, text), required(&method.params, text)] {
                number += 1;
                let answer = ask(
                    &mut admin,
                    format!("q{number}"),
                    method.name,
                    params.clone(),
                )
                .await;
                let told = answer["error"].to_string().to_ascii_lowercase();
                for inside in [
                    "internal error",
                    "sqlite",
                    "syntax error",
                    "no such column",
                    "panicked",
                ] {
                    assert!(!told.contains(inside), "{} {params}: {answer}", method.name);
                }
            }
        }
    }
    // The tables are all there.
    let mut admin = rig.operator(&["operator.admin"]).await;
    for method in [
        "sessions.list",
        "device.pair.list",
        "torana.status",
        "torana.audit.verify",
    ] {
        let answer = ask(&mut admin, method.to_owned(), method, json!({})).await;
        assert_eq!(answer["ok"], true, "{method}: {answer}");
    }
}
