//! What will happen in one world: accounts, people, what they write, what clients ask, and how processes die.

use std::sync::Arc;

use torana_core::admit::{AccountPolicy, DmPolicy, GroupPolicy, SenderList};
use torana_core::id::{AccountId, AgentId, ChannelId};
use torana_core::key::{DmScope, GroupScope};
use torana_core::lane::{DropPolicy, QueueMode, QueuePolicy};
use torana_core::message::{
    Addressed, Attachment, Conversation, Inbound, InboundKind, Peer, PeerKind, Sender,
};
use torana_core::port::{AgentBackend, ChannelLimits, RateRules};
use torana_core::render::{Counts, LengthUnit, Limits, Markup};
use torana_engine::{AccountSettings, AgentSettings, ReplyToMode, Settings, StreamMode};
use torana_testkit::{Dice, Faults, Log, Temper, Update, question};

/// True time at which every world begins, Unix milliseconds; any moment would do.
pub(super) const BEGIN_MS: i64 = 1_700_000_000_000;

/// One account of the platform.
pub(super) struct Account {
    pub(super) id: AccountId,
    pub(super) limits: ChannelLimits,
    pub(super) settings: AccountSettings,
}

/// One request of a client, repeated with its key until it was answered.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) at_ms: i64,
    pub(super) key: String,
    pub(super) session: String,
    pub(super) text: String,
}

/// How one life of the process goes, and how it ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fate {
    pub(super) lasts_ms: u64,
    pub(super) dies_at_call: Option<u64>,
    pub(super) dies_at_commit: Option<(u64, bool)>,
    /// From, until: monotonic moments between which the disk is full.
    pub(super) full_ms: Option<(u64, u64)>,
    pub(super) skew_ms: i64,
    pub(super) later_skew_ms: i64,
    pub(super) down_ms: i64,
    pub(super) drains: bool,
}

/// Everything a seed decides before the first life.
pub(super) struct Scenario {
    pub(super) accounts: Vec<Account>,
    pub(super) updates: Vec<Update>,
    pub(super) requests: Vec<Request>,
    pub(super) fates: Vec<Fate>,
    pub(super) faults: Faults,
    pub(super) temper: Temper,
    pub(super) queue: QueuePolicy,
    pub(super) dm_scope: DmScope,
    pub(super) group_scope: GroupScope,
    pub(super) runs_max: usize,
    pub(super) dice: Dice,
}

impl Scenario {
    pub(super) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let accounts: Vec<Account> = (0..dice.between(1, 3))
            .map(|index| account(index, &mut dice))
            .collect();
        let span_ms = dice.between(60_000, 1_200_000);
        let mut numbers = 0;
        let mut updates = Vec::new();
        for account in &accounts {
            updates.extend(traffic(account, span_ms, &mut numbers, &mut dice));
        }
        Self {
            accounts,
            updates,
            requests: requests(span_ms, &mut dice),
            fates: fates(&mut dice),
            faults: Faults::random(&mut dice),
            temper: temper(&mut dice),
            queue: queue(&mut dice),
            dm_scope: dice.pick(&DmScope::ALL),
            group_scope: dice.pick(&GroupScope::ALL),
            runs_max: dice.pick(&[1, 4, 256]),
            dice,
        }
    }

    /// Writes down what the seed decided.
    pub(super) fn describe(&self, log: &Log) {
        let line = format!(
            "{:?} {:?} {:?} {:?} {:?}",
            self.queue, self.dm_scope, self.group_scope, self.faults, self.temper
        );
        log.write(BEGIN_MS, line);
        for account in &self.accounts {
            log.write(
                BEGIN_MS,
                format!("{} {:?} {:?}", account.id, account.limits, account.settings),
            );
        }
        for update in &self.updates {
            let inbound = &update.inbound;
            let text: String = inbound.text.chars().take(40).collect();
            let place = inbound.conversation.lane_name();
            log.write(
                update.at_ms,
                format!(
                    "will be said by {} in {place}: {:?} {text:?}",
                    inbound.sender.id, inbound.kind
                ),
            );
        }
    }

    /// What config would say about this world.
    pub(super) fn settings(&self, backend: Arc<dyn AgentBackend>) -> Settings {
        let agent = AgentSettings {
            name: "Main".to_owned(),
            emoji: None,
            avatar: None,
            system: "be brief".to_owned(),
            notes: Vec::new(),
            model: None,
            thinking: None,
            context_tokens: 2_000,
            rules: torana_engine::AgentRules::default(),
            backend,
        };
        let mut settings = Settings::single(AgentId::new("main").expect("a constant id"), agent);
        settings.queue = self.queue;
        settings.routing.dm_scope = self.dm_scope;
        settings.routing.group_scope = self.group_scope;
        settings.runs_max = self.runs_max;
        settings.drain_ms = 5_000;
        for account in &self.accounts {
            settings
                .accounts
                .insert((channel(), account.id.clone()), account.settings.clone());
        }
        settings
    }
}

pub(super) fn channel() -> ChannelId {
    ChannelId::new("sim").expect("a constant id")
}

fn account(index: u64, dice: &mut Dice) -> Account {
    let modes = [
        StreamMode::Off,
        StreamMode::Partial,
        StreamMode::Block,
        StreamMode::Draft,
        StreamMode::Progress,
    ];
    let max_units = usize::try_from(dice.pick(&[200, 1_000, 4_000])).expect("a small number");
    let limits = ChannelLimits {
        // Room for the note on late replies, as real channels leave it.
        text: Limits::new(max_units + 50, LengthUnit::Utf16)
            .with_soft(max_units)
            .counting(Counts::Rendered),
        markup: dice.pick(&[Markup::Plain, Markup::HtmlSubset]),
        edit: dice.chance(800),
        delete: dice.chance(900),
        typing_ms: dice.chance(500).then_some(4_000),
        draft: dice.chance(300),
        edit_interval_direct_ms: 1_000,
        edit_interval_group_ms: 3_000,
        idempotent: dice.chance(200),
        chats: torana_core::port::ChatIds::Any,
        rate: dice.chance(500).then_some(RateRules {
            account_per_second: 30.0,
            conversation_per_second: 1.0,
            conversation_burst: 3.0,
            group_per_minute: 20.0,
        }),
    };
    let policy = AccountPolicy {
        dm: dice.pick(&[
            DmPolicy::Open,
            DmPolicy::Open,
            DmPolicy::Open,
            DmPolicy::Pairing,
        ]),
        allow_from: if dice.chance(800) {
            SenderList::new(["*"])
        } else {
            SenderList::new(["100"])
        },
        group: GroupPolicy::Open,
        mention_optional: dice.chance(600),
        context_messages: 5,
        ..AccountPolicy::default()
    };
    let settings = AccountSettings {
        policy,
        streaming: dice.pick(&modes),
        reply_to: dice.pick(&[ReplyToMode::Off, ReplyToMode::First, ReplyToMode::All]),
        block_chars_min: 100,
        block_chars_max: 600,
        debounce_ms: dice.chance(150).then_some(800),
        ..AccountSettings::default()
    };
    Account {
        id: AccountId::new(format!("a{index}")).expect("a short id"),
        limits,
        settings,
    }
}

fn traffic(account: &Account, span_ms: u64, numbers: &mut u64, dice: &mut Dice) -> Vec<Update> {
    let mut updates = Vec::new();
    for person in 0..dice.between(1, 4) {
        let peer = format!("{}", 100 + person);
        talk(
            account,
            PeerKind::Direct,
            &peer,
            &[&peer],
            span_ms,
            numbers,
            dice,
            &mut updates,
        );
    }
    for group in 0..dice.below(3) {
        let peer = format!("-{}", 500 + group);
        talk(
            account,
            PeerKind::Group,
            &peer,
            &["100", "101", "200"],
            span_ms,
            numbers,
            dice,
            &mut updates,
        );
    }
    updates
}

#[expect(
    clippy::too_many_arguments,
    reason = "one call site per kind of conversation"
)]
fn talk(
    account: &Account,
    kind: PeerKind,
    peer: &str,
    senders: &[&str],
    span_ms: u64,
    numbers: &mut u64,
    dice: &mut Dice,
    updates: &mut Vec<Update>,
) {
    let mut at_ms = dice.below(span_ms);
    for _ in 0..dice.between(1, 14) {
        // Bursts, chats and pauses.
        at_ms += match dice.below(6) {
            0 => dice.below(5),
            1..=3 => dice.below(2_000),
            4 => dice.below(30_000),
            _ => dice.below(300_000),
        };
        *numbers += 1;
        let sender = dice.pick(senders);
        let thread = (kind == PeerKind::Group && dice.chance(300)).then(|| Arc::from("5"));
        let conversation = Conversation {
            channel: channel(),
            account: account.id.clone(),
            peer: Peer {
                kind,
                id: Arc::from(peer),
            },
            thread,
        };
        let at_ms = BEGIN_MS + i64::try_from(at_ms).expect("virtual time stays small");
        let mut inbound = Inbound {
            event_id: format!("e{numbers}"),
            platform_account: Arc::from(format!("bot-{}", account.id)),
            kind: InboundKind::Message,
            conversation,
            title: None,
            sender: Sender {
                id: Arc::from(sender),
                username: None,
                display: Some(format!("P{sender}")),
                is_bot: false,
                is_self: false,
            },
            message_id: Some(format!("u{numbers}")),
            text: format!(
                "{} {}",
                question(*numbers),
                dice.pick(&["hello", "and now?", "wait\nwhat", "ünï 🦀"])
            ),
            addressed: Addressed {
                mention: dice.chance(500),
                ..Addressed::default()
            },
            quote: None,
            attachments: Vec::new(),
            forwarded_from: None,
            album: None,
            sent_at_ms: at_ms,
        };
        flavour(&mut inbound, *numbers, dice);
        updates.push(Update { at_ms, inbound });
    }
}

/// Most messages are plain words; some are something else.
fn flavour(inbound: &mut Inbound, number: u64, dice: &mut Dice) {
    match dice.below(100) {
        0..=3 => "/stop".clone_into(&mut inbound.text),
        4..=5 => "/new".clone_into(&mut inbound.text),
        6 => inbound.text = format!("/new {} from the start", question(number)),
        7..=9 => "/status".clone_into(&mut inbound.text),
        10 => {
            inbound.text = format!(
                "/queue {}",
                dice.pick(&["steer", "followup", "collect", "interrupt", "reset"])
            )
        }
        11..=12 => inbound.text = format!("{} {}", question(number), "long ".repeat(900)),
        13..=14 => inbound.forwarded_from = Some("somebody".to_owned()),
        15 => inbound.album = Some("album".to_owned()),
        16 => inbound.kind = InboundKind::Edit,
        17 => inbound.kind = InboundKind::Other,
        18 => {
            inbound.attachments = vec![Attachment {
                kind: "photo".to_owned(),
                name: None,
                size_bytes: Some(9),
            }];
        }
        19 => inbound.sender.is_bot = true,
        20 if dice.chance(500) => inbound.text.push_str(" POISON"),
        21 => inbound.text = "  ".to_owned(),
        _ => {}
    }
}

fn requests(span_ms: u64, dice: &mut Dice) -> Vec<Request> {
    let mut requests: Vec<Request> = (0..dice.below(12))
        .map(|number| Request {
            at_ms: BEGIN_MS + i64::try_from(dice.below(span_ms)).expect("virtual time stays small"),
            key: format!("client-{number}"),
            session: dice
                .pick(&["main", "agent:main:desk", "agent:main:sim:direct:100"])
                .to_owned(),
            text: if dice.chance(100) {
                "/status".to_owned()
            } else {
                format!("{} from a client", question(90_000 + number))
            },
        })
        .collect();
    requests.sort_by_key(|request| request.at_ms);
    requests
}

fn fates(dice: &mut Dice) -> Vec<Fate> {
    (0..dice.below(7))
        .map(|_| {
            let cause = dice.below(4);
            let full_from_ms = dice.below(60_000);
            Fate {
                lasts_ms: if cause == 0 {
                    dice.between(1, 200_000)
                } else {
                    dice.between(60_000, 400_000)
                },
                dies_at_call: (cause == 1).then(|| dice.between(1, 300)),
                dies_at_commit: (cause == 2).then(|| (dice.between(1, 120), dice.chance(500))),
                full_ms: dice
                    .chance(250)
                    .then(|| (full_from_ms, full_from_ms + dice.between(1_000, 90_000))),
                // Clocks are set right by minutes now and then, rarely by more.
                skew_ms: if dice.chance(200) {
                    i64::try_from(dice.below(1_200_000)).unwrap_or(0) - 600_000
                } else {
                    0
                },
                later_skew_ms: if dice.chance(200) {
                    i64::try_from(dice.below(1_200_000)).unwrap_or(0) - 600_000
                } else {
                    0
                },
                down_ms: i64::try_from(match dice.below(8) {
                    0 => dice.below(5_000_000),
                    1..=3 => dice.below(60_000),
                    _ => dice.below(1_000),
                })
                .unwrap_or(0),
                drains: cause == 3 && dice.chance(500),
            }
        })
        .collect()
}

fn temper(dice: &mut Dice) -> Temper {
    let mut level = |frequent: u64| match dice.below(3) {
        0 => 0,
        1 => frequent / 5,
        _ => frequent,
    };
    let (error, silent, panic, hang, closed, long) = (
        level(150),
        level(100),
        level(60),
        level(30),
        level(50),
        level(200),
    );
    Temper {
        error,
        silent,
        panic,
        hang,
        closed,
        long,
        steers: dice.chance(400),
        pause_ms_max: dice.pick(&[10, 500, 3_000, 20_000]),
    }
}

fn queue(dice: &mut Dice) -> QueuePolicy {
    let modes = [
        QueueMode::Steer,
        QueueMode::Followup,
        QueueMode::Collect,
        QueueMode::Interrupt,
    ];
    let drops = [DropPolicy::Summarize, DropPolicy::Old, DropPolicy::New];
    let cap = usize::try_from(dice.pick(&[1, 3, 20])).expect("a small number");
    QueuePolicy {
        mode: dice.pick(&modes),
        cap,
        drop: dice.pick(&drops),
    }
}
