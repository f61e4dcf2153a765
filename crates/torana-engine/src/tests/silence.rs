//! A model that answers with nothing: silence outside direct chats, one more question in them.

use super::*;

/// Answers with nothing, and counts how often it is asked.
#[derive(Clone, Default)]
struct Mute(Arc<AtomicU64>);

impl AgentConversation for Mute {
    fn turn(&mut self, _: TurnRequest) -> RunStream {
        self.0.fetch_add(1, Ordering::SeqCst);
        let settled = Settled {
            outcome: Outcome::Empty,
            text: String::new(),
            error: None,
            usage: Usage::default(),
            provider: None,
            model: None,
            calls: Vec::new(),
        };
        Box::pin(stream::iter([RunEvent::Settled(settled)]))
    }

    fn steer(&self) -> Option<Arc<dyn Steer>> {
        None
    }
}

#[tokio::test]
async fn a_model_that_says_nothing_in_a_group_is_asked_once_and_nothing_is_sent() {
    let mute = Mute::default();
    let backend = Arc::new(Opens(mute.clone()));
    let (patterns, _) = MentionPatterns::new(["bot"]);
    let rules = AgentRules {
        mention_patterns: Some(patterns),
        ..AgentRules::default()
    };
    let rig = Rig::new("mute", rules, |settings, _| {
        let agent = settings.agents.get_mut(&main_agent()).expect("an agent");
        agent.backend = backend;
    })
    .await;
    rig.hear(PeerKind::Group, "7", "hello bot").await;
    assert_eq!(mute.0.load(Ordering::SeqCst), 1);
    assert_eq!(rig.told().await, "done (silent:empty), run once");
    assert!(waiting(&rig).await.is_empty());
    rig.hear(PeerKind::Direct, "7", "hello").await;
    assert_eq!(mute.0.load(Ordering::SeqCst), 3);
}
