//! The loop against a scripted server: every misbehaviour of R-09 has exactly one outcome.

use std::collections::BTreeMap;

use expect_test::expect;
use futures_util::StreamExt;
use torana_core::port::RunStream;
use torana_core::run::{FailureKind, ModelRef, Outcome, RunEvent, Sampling, Settled};
use torana_host::egress::Egress;
use torana_host::env::Environment;
use torana_host::secret::Secret;

use super::*;
use crate::fake::{Behaviour, FakeProvider, Script};
use crate::provider::{ModelSettings, Price, ProviderApi, ProviderSettings};
use crate::testing::{ManualClock, open, poll_until, request};

const BOTH: [ProviderApi; 2] = [
    ProviderApi::OpenAiCompletions,
    ProviderApi::AnthropicMessages,
];

fn model(text: &str) -> ModelRef {
    ModelRef::parse(text).expect("a reference")
}

fn settings(providers: &[(&str, String, ProviderApi)]) -> BuiltinSettings {
    let known = ModelSettings {
        price: Some(Price {
            input: 1.0,
            output: 2.0,
            cache_read: 0.5,
            cache_write: 4.0,
        }),
        max_tokens: Some(100),
        reasoning: true,
        ..ModelSettings::default()
    };
    let provider = |base_url: &String, api: ProviderApi| ProviderSettings {
        base_url: base_url.clone(),
        api_key: Some(Secret::new("sk-test-key")),
        api,
        headers: BTreeMap::new(),
        models: BTreeMap::from([("m".to_owned(), known.clone())]),
    };
    let mut models = providers.iter().map(|(id, ..)| model(&format!("{id}/m")));
    let default_agent = AgentModels {
        primary: models.next(),
        fallbacks: models.collect(),
        thinking: Some("off".to_owned()),
    };
    BuiltinSettings {
        default_agent,
        providers: providers
            .iter()
            .map(|(id, url, api)| ((*id).to_owned(), provider(url, *api)))
            .collect(),
        ..BuiltinSettings::default()
    }
}

struct Scene {
    clock: ManualClock,
    server: FakeProvider,
    backend: BuiltinBackend,
}

impl Scene {
    async fn new(script: Script, api: ProviderApi) -> Self {
        let clock = ManualClock::new();
        clock.run_freely();
        let server = FakeProvider::start(script).await.expect("a free port");
        let settings = settings(&[("p", server.base_url(), api)]);
        let backend = BuiltinBackend::new(clock.world(), Egress::default(), settings);
        Self {
            clock,
            server,
            backend,
        }
    }

    async fn run(&self, input: &str) -> (Vec<String>, Settled) {
        told(
            open(&self.backend)
                .await
                .turn(request(input))
                .collect()
                .await,
        )
    }
}

/// The events that tell the story, and the end; thinking and progress are left out, deltas are joined.
fn told(events: Vec<RunEvent>) -> (Vec<String>, Settled) {
    let mut story: Vec<String> = Vec::new();
    let mut text = String::new();
    let mut end = None;
    for event in events {
        assert!(end.is_none(), "nothing follows the end");
        match event {
            RunEvent::TextDelta(delta) => text.push_str(&delta),
            RunEvent::TextReplace(new) => {
                story.push(format!("withdrawn {text:?}"));
                text = new;
            }
            RunEvent::Retrying {
                attempt, reason, ..
            } => story.push(format!("attempt {attempt} {reason:?}")),
            RunEvent::Fallback { from, to, reason } => {
                story.push(format!("{from} -> {to} {reason:?}"))
            }
            RunEvent::Settled(settled) => end = Some(settled),
            _ => {}
        }
    }
    let end = end.expect("a run settles");
    assert_eq!(text, end.text, "the deltas are the text");
    (story, end)
}

fn message(settled: &Settled) -> &str {
    settled.error.as_ref().map_or("", |error| &error.message)
}

#[tokio::test]
async fn answers_stream_with_usage_and_cost() {
    for (api, usage, cost) in [
        (ProviderApi::OpenAiCompletions, (true, 1, 0), None::<f64>),
        (ProviderApi::AnthropicMessages, (true, 3, 2), None),
    ] {
        let scene = Scene::new(
            Script {
                thinking: Some("hm".to_owned()),
                ..Script::default()
            },
            api,
        )
        .await;
        let events: Vec<RunEvent> = open(&scene.backend)
            .await
            .turn(request("hello there"))
            .collect()
            .await;
        assert!(events.contains(&RunEvent::ThinkingDelta("hm".to_owned())));
        assert!(
            matches!(&events[0], RunEvent::Model { provider, model } if provider == "p" && model == "m")
        );
        let (story, settled) = told(events);
        assert!(story.is_empty());
        assert_eq!(
            (settled.outcome, settled.text.as_str()),
            (Outcome::Ok, "hello there")
        );
        let used = settled.usage;
        assert_eq!((used.input > 0, used.cache_read, used.cache_write), usage);
        let price = Price {
            input: 1.0,
            output: 2.0,
            cache_read: 0.5,
            cache_write: 4.0,
        };
        assert_eq!(used.cost_usd, cost.or(Some(price.cost_usd(&used))));
        assert_eq!(settled.model.as_deref(), Some("m"));
    }
}

#[tokio::test]
async fn requests_are_what_the_formats_want() {
    let mut turn = request("question");
    turn.system = "Be kind.".to_owned();
    turn.thinking = Some("low".to_owned());
    let scene = Scene::new(Script::default(), ProviderApi::OpenAiCompletions).await;
    drop(
        open(&scene.backend)
            .await
            .turn(turn.clone())
            .collect::<Vec<_>>()
            .await,
    );
    let recorded = scene.server.recorded();
    assert_eq!(
        recorded[0].header("authorization"),
        Some("Bearer sk-test-key")
    );
    expect![[r#"/v1/chat/completions {"model":"m","messages":[{"role":"system","content":"Be kind."},{"role":"user","content":"question"}],"stream":true,"stream_options":{"include_usage":true},"max_tokens":100,"reasoning_effort":"low"}"#]]
        .assert_eq(&format!("{} {}", recorded[0].path, recorded[0].body));

    let scene = Scene::new(Script::default(), ProviderApi::AnthropicMessages).await;
    drop(
        open(&scene.backend)
            .await
            .turn(turn)
            .collect::<Vec<_>>()
            .await,
    );
    let recorded = scene.server.recorded();
    assert_eq!(recorded[0].header("x-api-key"), Some("sk-test-key"));
    assert_eq!(recorded[0].header("anthropic-version"), Some("2023-06-01"));
    expect![[r#"/v1/messages {"model":"m","max_tokens":2148,"system":[{"type":"text","text":"Be kind.","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":"question"}],"stream":true,"thinking":{"type":"enabled","budget_tokens":2048}}"#]]
        .assert_eq(&format!("{} {}", recorded[0].path, recorded[0].body));
}

#[tokio::test]
async fn sampling_reaches_the_model_in_the_words_of_its_format() {
    let mut turn = request("question");
    turn.sampling = Sampling {
        temperature: Some(1.5),
        top_p: Some(0.5),
        frequency_penalty: Some(0.25),
        presence_penalty: Some(-0.25),
        // Less than the 100 the model is configured for.
        max_tokens: Some(7),
        stop: vec!["END".to_owned()],
        seed: Some(42),
    };
    let mut bodies = Vec::new();
    for api in BOTH {
        let scene = Scene::new(Script::default(), api).await;
        let mut conversation = open(&scene.backend).await;
        let mut turn = turn.clone();
        if matches!(api, ProviderApi::AnthropicMessages) {
            // This format has no fields for them; a request that asks for them is refused.
            turn.sampling.frequency_penalty = None;
            turn.sampling.presence_penalty = None;
            turn.sampling.seed = None;
        }
        drop(conversation.turn(turn).collect::<Vec<_>>().await);
        bodies.push(scene.server.recorded()[0].body.to_string());
    }
    expect![[r#"
        {"model":"m","messages":[{"role":"user","content":"question"}],"stream":true,"stream_options":{"include_usage":true},"max_tokens":7,"temperature":1.5,"top_p":0.5,"frequency_penalty":0.25,"presence_penalty":-0.25,"stop":["END"],"seed":42}
        {"model":"m","max_tokens":7,"messages":[{"role":"user","content":"question"}],"stream":true,"temperature":1.0,"top_p":0.5,"stop_sequences":["END"]}
    "#]]
    .assert_eq(&(bodies.join("\n") + "\n"));
}

#[tokio::test]
async fn failures_that_pass_are_retried_from_the_start() {
    let cases = [
        (
            vec![
                Behaviour::status(500),
                Behaviour::status(502),
                Behaviour::status(503),
            ],
            FailureKind::Unavailable,
            3,
        ),
        (vec![Behaviour::Reset(2)], FailureKind::Unavailable, 1),
        (vec![Behaviour::Truncate(2)], FailureKind::Unavailable, 1),
        (
            vec![Behaviour::ErrorEvent("overloaded_error".to_owned())],
            FailureKind::RateLimit,
            1,
        ),
        (vec![Behaviour::Malformed], FailureKind::Format, 1),
        (vec![Behaviour::Html], FailureKind::Format, 1),
        (vec![Behaviour::Flood], FailureKind::Format, 1),
    ];
    for api in BOTH {
        for (behaviours, kind, retries) in cases.clone() {
            let shown = format!("{api:?} {behaviours:?}");
            let scene = Scene::new(Script::of(behaviours), api).await;
            let (story, settled) = scene.run("all is well").await;
            let attempts = story
                .iter()
                .filter(|line| line.starts_with("attempt") && line.ends_with(&format!("{kind:?}")));
            assert_eq!(attempts.count(), retries, "{shown} {story:?}");
            assert_eq!(
                (settled.outcome, settled.text.as_str()),
                (Outcome::Ok, "all is well"),
                "{shown}"
            );
        }
    }
}

#[tokio::test]
async fn partial_text_is_withdrawn_before_the_next_attempt() {
    let scene = Scene::new(
        Script::of([Behaviour::Truncate(2)]),
        ProviderApi::OpenAiCompletions,
    )
    .await;
    let (story, settled) = scene.run("abcdefgh").await;
    assert_eq!(story, ["attempt 2 Unavailable", "withdrawn \"abcd\""]);
    assert_eq!(settled.text, "abcdefgh");
}

#[tokio::test]
async fn failures_that_stay_end_with_one_error_in_plain_words() {
    let context = Behaviour::Status {
        status: 400,
        retry_after: None,
        body: r#"{"error":{"code":"context_length_exceeded","message":"INTERNAL-BODY"}}"#
            .to_owned(),
    };
    let limited = |retry_after: &str| Behaviour::Status {
        status: 429,
        retry_after: Some(retry_after.to_owned()),
        body: "INTERNAL-BODY".to_owned(),
    };
    let mut shown = String::new();
    for (behaviour, requests) in [
        (Behaviour::status(429), 10),
        (limited("120"), 1),
        (Behaviour::status(401), 1),
        (Behaviour::status(402), 1),
        (Behaviour::status(404), 1),
        (Behaviour::status(400), 1),
        (context, 1),
        (Behaviour::Malformed, 2),
        (Behaviour::Html, 2),
        (Behaviour::Redirect("http://127.0.0.1:9/".to_owned()), 1),
    ] {
        let scene = Scene::new(Script::always(behaviour), ProviderApi::OpenAiCompletions).await;
        let (_, settled) = scene.run("hello").await;
        assert_eq!(settled.outcome, Outcome::Error);
        assert_eq!(scene.server.count(), requests, "{}", message(&settled));
        assert!(
            !message(&settled).contains("INTERNAL-BODY") && !message(&settled).contains("sk-test")
        );
        shown.push_str(message(&settled));
        shown.push('\n');
    }
    expect![[r#"
        the provider p is overloaded or limits its rate (429) after 10 attempts; try again in a minute or add a model to agents.defaults.model.fallbacks
        the provider p asks to wait 2 minutes before it answers again (429); try again then or add a model to agents.defaults.model.fallbacks
        the provider p refused the key (401); check models.providers.p.apiKey
        the account at p has no credit left (402); add credit there or choose another model with /model
        the provider p has no model `m` (404); correct agents.defaults.model or choose another with /model
        the provider p did not accept the request (status 400); `torana logs --level warn` shows its reason
        this conversation is longer than m can read; start a new one with /new
        the provider p sent something that cannot be read (a part of the answer is not in the expected format) after 2 attempts; check models.providers.p.baseUrl and .api
        the provider p sent something that cannot be read (the answer is not a model's answer but something like a web page) after 2 attempts; check models.providers.p.baseUrl and .api
        the provider p did not accept the request (the address redirects elsewhere, which is not followed); `torana logs --level warn` shows its reason
    "#]]
    .assert_eq(&shown);
}

#[tokio::test]
async fn odd_but_valid_answers_are_understood() {
    for api in BOTH {
        for (behaviour, outcome, text) in [
            (Behaviour::NoMarker, Outcome::Ok, "hello"),
            (Behaviour::Document, Outcome::Ok, "hello"),
            (Behaviour::Length, Outcome::Length, "hello"),
            (Behaviour::Refuse, Outcome::Refused, "hello"),
            (Behaviour::Empty, Outcome::Empty, ""),
        ] {
            let shown = format!("{api:?} {behaviour:?}");
            let scene = Scene::new(
                Script {
                    chunks: 2,
                    ..Script::always(behaviour)
                },
                api,
            )
            .await;
            let (story, settled) = scene.run("hello").await;
            assert!(story.is_empty(), "{shown} {story:?}");
            assert_eq!(
                (settled.outcome, settled.text.as_str()),
                (outcome, text),
                "{shown}"
            );
            assert_eq!(
                settled.error.is_some(),
                outcome == Outcome::Refused,
                "{shown}"
            );
        }
    }
}

async fn finished(stream: RunStream, before: Vec<RunEvent>) -> (Vec<String>, Settled) {
    let rest: Vec<RunEvent> = stream.collect().await;
    told(before.into_iter().chain(rest).collect())
}

#[tokio::test]
async fn silence_is_noticed_before_the_first_byte_and_in_between() {
    for behaviour in [Behaviour::Silent, Behaviour::Stall(1)] {
        let scene = Scene::new(
            Script::of([behaviour.clone()]),
            ProviderApi::OpenAiCompletions,
        )
        .await;
        let mut stream = open(&scene.backend).await.turn(request("hello"));
        let mut events = poll_until(&mut stream, || scene.server.count() == 1).await;
        while matches!(behaviour, Behaviour::Stall(_))
            && !events.iter().any(|e| matches!(e, RunEvent::TextDelta(_)))
        {
            events.extend(poll_until(&mut stream, || true).await);
        }
        // A local server gets five minutes; one before that nothing has happened yet.
        scene.clock.advance(240_000);
        events.extend(poll_until(&mut stream, || true).await);
        assert!(
            !events
                .iter()
                .any(|event| matches!(event, RunEvent::Retrying { .. }))
        );
        scene.clock.advance(60_000);
        let (story, settled) = finished(stream, events).await;
        assert_eq!(story[0], "attempt 2 Timeout", "{behaviour:?}");
        assert_eq!(settled.text, "hello");
    }
}

#[tokio::test]
async fn deadline_of_the_turn_ends_it_with_the_text_so_far() {
    let scene = Scene::new(
        Script::of([Behaviour::Stall(1)]),
        ProviderApi::OpenAiCompletions,
    )
    .await;
    let mut turn = request("hello");
    turn.deadline_ms = 120_000;
    let mut stream = open(&scene.backend).await.turn(turn);
    let mut events = Vec::new();
    while !events
        .iter()
        .any(|event| matches!(event, RunEvent::TextDelta(_)))
    {
        events.extend(poll_until(&mut stream, || true).await);
    }
    scene.clock.advance(120_000);
    let (_, settled) = finished(stream, events).await;
    assert_eq!(
        settled.error.map(|error| error.kind),
        Some(FailureKind::Timeout)
    );
    assert_eq!(
        (settled.outcome, settled.text.as_str()),
        (Outcome::Error, "h")
    );
}

#[tokio::test]
async fn unreachable_and_non_tls_servers_are_unavailable() {
    let plain = FakeProvider::start(Script::default())
        .await
        .expect("a free port");
    let gone = FakeProvider::start(Script::default())
        .await
        .expect("a free port")
        .address();
    for url in [
        format!("http://{gone}/v1"),
        plain.base_url().replace("http:", "https:"),
    ] {
        let clock = ManualClock::new();
        clock.run_freely();
        let settings = settings(&[("p", url.clone(), ProviderApi::OpenAiCompletions)]);
        let backend = BuiltinBackend::new(clock.world(), Egress::default(), settings);
        let (story, settled) = told(open(&backend).await.turn(request("x")).collect().await);
        assert_eq!(
            settled.error.as_ref().map(|error| error.kind),
            Some(FailureKind::Unavailable),
            "{url}"
        );
        assert!(
            story.len() >= 3 && clock.now_ms() <= 90_000,
            "{url} {story:?}"
        );
        assert!(
            message(&settled).contains("could not connect"),
            "{}",
            message(&settled)
        );
    }
}

#[tokio::test]
async fn next_model_answers_and_the_failed_one_rests() {
    let bad = FakeProvider::start(Script::always(Behaviour::status(401)))
        .await
        .expect("a free port");
    let good = FakeProvider::start(Script::default())
        .await
        .expect("a free port");
    let clock = ManualClock::new();
    clock.run_freely();
    let both = settings(&[
        ("bad", bad.base_url(), ProviderApi::OpenAiCompletions),
        ("good", good.base_url(), ProviderApi::AnthropicMessages),
    ]);
    let backend = BuiltinBackend::new(clock.world(), Egress::default(), both.clone());
    let mut conversation = open(&backend).await;
    let (story, settled) = told(conversation.turn(request("number one")).collect().await);
    assert_eq!(story, ["bad/m -> good/m Auth"]);
    assert_eq!(
        (settled.provider.as_deref(), settled.text.as_str()),
        (Some("good"), "number one")
    );
    let (story, _) = told(conversation.turn(request("two")).collect().await);
    assert_eq!(story, ["bad/m -> good/m Unavailable"]);
    assert_eq!(bad.count(), 1, "the disabled provider is not asked again");

    // An explicit choice is strict.
    let mut turn = request("three");
    turn.model = Some(model("bad/m"));
    let (story, settled) = told(conversation.turn(turn).collect().await);
    assert_eq!((story.len(), settled.outcome), (0, Outcome::Error));
    assert_eq!(
        message(&settled),
        "the provider bad refused the key (401); check models.providers.bad.apiKey"
    );

    // Equal settings keep what was learned, other ones give everybody a new chance.
    backend.swap(both.clone());
    drop(conversation.turn(request("four")).collect::<Vec<_>>().await);
    assert_eq!(bad.count(), 2);
    let mut changed = both;
    changed.default_agent.thinking = None;
    backend.swap(changed);
    drop(conversation.turn(request("five")).collect::<Vec<_>>().await);
    assert_eq!(bad.count(), 3);
}

#[tokio::test]
async fn server_wait_is_kept() {
    let limited = Behaviour::Status {
        status: 429,
        retry_after: Some("7".to_owned()),
        body: String::new(),
    };
    let scene = Scene::new(Script::of([limited]), ProviderApi::AnthropicMessages).await;
    let events: Vec<RunEvent> = open(&scene.backend)
        .await
        .turn(request("x"))
        .collect()
        .await;
    assert!(events.iter().any(|event| matches!(
        event,
        RunEvent::Retrying {
            delay_ms: 7_000,
            attempt: 2,
            ..
        }
    )));
    assert!(scene.clock.now_ms() >= 7_000);
}

#[tokio::test]
async fn optional_field_a_strict_server_refuses_is_left_out_from_then_on() {
    let strict = Behaviour::Status {
        status: 422,
        retry_after: None,
        body: r#"{"detail":[{"loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]}"#.to_owned(),
    };
    let scene = Scene::new(Script::of([strict]), ProviderApi::OpenAiCompletions).await;
    let (story, settled) = scene.run("x").await;
    assert_eq!((story.len(), settled.outcome), (0, Outcome::Ok));
    scene.run("y").await;
    let has_field: Vec<bool> = scene
        .server
        .recorded()
        .iter()
        .map(|request| request.body.get("stream_options").is_some())
        .collect();
    assert_eq!(has_field, [true, false, false]);
}

#[tokio::test]
async fn nothing_configured_is_said_and_the_demo_steps_in_when_allowed() {
    let clock = ManualClock::new();
    clock.run_freely();
    let backend = BuiltinBackend::new(clock.world(), Egress::default(), BuiltinSettings::default());
    let mut conversation = open(&backend).await;
    let (_, settled) = told(conversation.turn(request("hi")).collect().await);
    assert_eq!(
        settled.error.map(|error| error.kind),
        Some(FailureKind::NotConfigured)
    );
    let demo = crate::demo::DemoSettings::default();
    backend.swap(BuiltinSettings {
        demo: Some(demo),
        ..BuiltinSettings::default()
    });
    let (_, settled) = told(conversation.turn(request("hi")).collect().await);
    assert_eq!(
        (settled.outcome, settled.provider.as_deref()),
        (Outcome::Ok, Some("demo"))
    );
    // A provider that does not exist is not replaced by the demo.
    let mut turn = request("hi");
    turn.model = Some(model("nowhere/m"));
    let (_, settled) = told(conversation.turn(turn).collect().await);
    assert_eq!(
        message(&settled),
        "the provider nowhere cannot be used (it is not configured); check models.providers.nowhere"
    );
}

#[tokio::test]
async fn local_servers_are_found_only_by_asking_them() {
    let server = FakeProvider::start(Script::default())
        .await
        .expect("a free port");
    let environment = Environment::from_pairs([("OLLAMA_HOST", server.address().to_string())]);
    // Time stands still, so only servers that answer or refuse decide; the other two ports are closed here.
    let clock = ManualClock::new();
    let offers = crate::offers::probe_local(&clock.world(), &Egress::default(), &environment).await;
    let ollama = offers
        .iter()
        .find(|offer| offer.provider == "ollama")
        .expect("found");
    assert_eq!(ollama.model.as_deref(), Some("fake-model"));
    assert_eq!(
        ollama.command(),
        "torana config set agents.defaults.model.primary ollama/fake-model"
    );
}

#[test]
fn naming_a_model_of_a_known_provider_and_having_its_key_is_enough() {
    let mut settings = BuiltinSettings {
        default_agent: AgentModels {
            primary: Some(model("openai/gpt-5-mini")),
            ..AgentModels::default()
        },
        ..BuiltinSettings::default()
    };
    let environment =
        Environment::from_pairs([("OPENAI_API_KEY", "sk-a"), ("ANTHROPIC_API_KEY", "sk-b")]);
    settings.complete(&environment);
    assert_eq!(settings.providers.keys().collect::<Vec<_>>(), ["openai"]);
    let openai = &settings.providers["openai"];
    assert_eq!(openai.base_url, "https://api.openai.com/v1");
    assert_eq!(openai.api_key.as_ref().map(Secret::expose), Some("sk-a"));
}
