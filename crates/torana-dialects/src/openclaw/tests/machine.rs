//! Pairing and tokens as one state machine: whatever people and devices do, in any order, nobody holds more than was
//! approved, and what was taken does not come back (S-006, S-008, S-040).

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;
use tokio::sync::Notify;
use torana_core::auth::{Role, Scope, ScopeSet};
use torana_core::problem::Code;

use super::handshake::Door;
use super::rig::{TOKEN, connect, device_id, node, signed};
use super::scopes::client;
use crate::context::FrontSettings;

/// What happens, to one of three devices on another machine.
#[derive(Debug, Clone)]
enum Step {
    /// It says hello with the secret and asks for these scopes.
    Connect(u8, u16),
    /// It says hello with the last token it was given, or with one before.
    Return(u8, u16, bool),
    /// Somebody with these scopes approves one of the waiting requests.
    Approve(usize, u16),
    Reject(usize),
    Rotate(u8, Option<u16>, u16),
    Revoke(u8),
    Remove(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let device = 0_u8..3;
    let bits = 0_u16..1024;
    // Approvals by administrators are common, so that there is something to lose.
    let caller = prop_oneof![Just(1023_u16), bits.clone()];
    let few = prop_oneof![Just(0_u16), Just(2), Just(6), Just(1), bits.clone()];
    let step = prop_oneof![
        3 => (device.clone(), few.clone()).prop_map(|(device, bits)| Step::Connect(device, bits)),
        3 => (device.clone(), few, any::<bool>()).prop_map(|(device, bits, old)| Step::Return(device, bits, old)),
        3 => (0_usize..4, caller.clone()).prop_map(|(index, caller)| Step::Approve(index, caller)),
        1 => (0_usize..4).prop_map(Step::Reject),
        1 => (device.clone(), proptest::option::of(bits), caller)
            .prop_map(|(device, bits, caller)| Step::Rotate(device, bits, caller)),
        1 => device.clone().prop_map(Step::Revoke),
        1 => device.prop_map(Step::Remove),
    ];
    proptest::collection::vec(step, 1..24)
}

fn scopes(bits: u16) -> ScopeSet {
    Scope::ALL
        .into_iter()
        .enumerate()
        .filter(|(index, _)| bits & (1 << index) != 0)
        .map(|(_, scope)| scope)
        .collect()
}

/// What the model remembers of a device.
#[derive(Default)]
struct Known {
    /// What was approved and not taken; `None` for a stranger.
    approved: Option<ScopeSet>,
    /// The living token, and those that died.
    live: Option<String>,
    dead: Vec<String>,
}

impl Known {
    fn lose(&mut self) {
        self.approved = None;
        self.dead.extend(self.live.take());
    }
}

/// A world of three devices.
struct World<'a> {
    door: &'a Door,
    first_seed: u8,
    known: [Known; 3],
}

impl World<'_> {
    fn seed(&self, device: u8) -> u8 {
        self.first_seed.wrapping_add(device)
    }

    fn id(&self, device: u8) -> String {
        device_id(self.seed(device))
    }

    async fn hello(&mut self, device: u8, bits: u16, auth: serde_json::Value) {
        let words: Vec<&str> = scopes(bits).words();
        let params = connect("openclaw-tui", "ui", &words, auth.clone());
        let now_ms = self.door.rig.context.engine.world().wall_ms();
        let params = signed(params, self.seed(device), "nonce-1", now_ms);
        let outcome = self.door.knock_with(&params, |_| {}).await;
        let known = &mut self.known[usize::from(device)];
        let Ok(principal) = outcome else { return };
        let held = known.approved.expect("only who was approved comes in");
        assert!(held.covers(principal.scopes), "never more than approved");
        assert!(
            scopes(bits).covers(principal.scopes),
            "never more than asked for"
        );
        let token = principal.token.expect("a device has a token");
        assert!(held.covers(token.scopes));
        assert!(
            !known.dead.contains(&token.token),
            "a dead token is given again"
        );
        if let Some(presented) = auth["deviceToken"].as_str() {
            assert!(
                !known.dead.iter().any(|dead| dead == presented),
                "a dead token was taken"
            );
        }
        known.live = Some(token.token);
    }

    async fn decide(&mut self, index: usize, caller: Option<ScopeSet>) {
        let devices = self.door.rig.dialect.devices().clone();
        let ours: Vec<String> = (0..3).map(|device| self.id(device)).collect();
        let (waiting, _) = devices.list().await.expect("listed");
        let waiting: Vec<_> = waiting
            .into_iter()
            .filter(|request| ours.contains(&request.device_id))
            .collect();
        let Some(request) = waiting.get(index % waiting.len().max(1)) else {
            return;
        };
        let at = ours.iter().position(|id| *id == request.device_id);
        let known = &mut self.known[at.expect("ours")];
        let asked = ScopeSet::parse(request.scopes.split(','));
        match caller {
            None => {
                devices.reject(&request.request_id).await.expect("rejected");
            }
            Some(caller) => {
                let outcome = devices.approve(&request.request_id, caller).await;
                assert_eq!(outcome.is_ok(), caller.covers(asked), "{outcome:?}");
                if outcome.is_err() {
                    return;
                }
                known.approved = Some(known.approved.unwrap_or_default().union(asked));
            }
        }
        let again = devices
            .approve(&request.request_id, ScopeSet::every())
            .await;
        assert!(again.is_err(), "a request is decided once");
    }

    async fn step(&mut self, step: &Step) {
        let devices = self.door.rig.dialect.devices().clone();
        match step {
            Step::Connect(device, bits) => {
                self.hello(*device, *bits, json!({ "token": TOKEN })).await;
            }
            Step::Return(device, bits, old) => {
                let known = &self.known[usize::from(*device)];
                let token = if *old {
                    known.dead.last()
                } else {
                    known.live.as_ref()
                };
                if let Some(token) = token.cloned() {
                    self.hello(*device, *bits, json!({ "deviceToken": token }))
                        .await;
                }
            }
            Step::Approve(index, caller) => self.decide(*index, Some(scopes(*caller))).await,
            Step::Reject(index) => self.decide(*index, None).await,
            Step::Rotate(device, bits, caller) => {
                let id = self.id(*device);
                let wanted = bits.map(scopes);
                let rotated = devices
                    .rotate(&id, Role::Operator, wanted, scopes(*caller))
                    .await;
                let known = &mut self.known[usize::from(*device)];
                if let Ok(issued) = rotated {
                    let held = known.approved.expect("only what is paired is rotated");
                    assert!(held.covers(issued.scopes), "rotating never widens");
                    assert!(
                        scopes(*caller).covers(issued.scopes),
                        "never beyond the caller"
                    );
                    known.approved = Some(issued.scopes);
                    known.dead.extend(known.live.replace(issued.token));
                }
            }
            Step::Revoke(device) => {
                let revoked = devices.revoke(&self.id(*device), Role::Operator).await;
                let known = &mut self.known[usize::from(*device)];
                assert_eq!(revoked.is_ok(), known.approved.is_some());
                known.lose();
            }
            Step::Remove(device) => {
                // A revoked device is still listed, so removing may succeed without a grant.
                drop(devices.remove(&self.id(*device)).await);
                self.known[usize::from(*device)].lose();
            }
        }
    }
}

#[test]
fn s_008_nobody_holds_more_than_was_approved_and_the_dead_stay_dead() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mut door = runtime.block_on(Door::open());
    door.remote();
    let next_seed = std::cell::Cell::new(1_u8);
    let config = Config {
        cases: 40,
        failure_persistence: None,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&steps(), |steps| {
        // Devices of their own for every case: what earlier ones left behind does not matter.
        let first_seed = next_seed.get();
        next_seed.set(first_seed.wrapping_add(3));
        let mut world = World {
            door: &door,
            first_seed,
            known: Default::default(),
        };
        runtime.block_on(async {
            for step in &steps {
                world.step(step).await;
            }
        });
        Ok(())
    });
    outcome.expect("every sequence holds");
}

/// All callers with one scope against all requests for one: who approves must hold what he gives.
#[tokio::test]
async fn s_008_each_caller_approves_exactly_what_he_holds() {
    let mut door = Door::open().await;
    door.remote();
    let devices = door.rig.dialect.devices().clone();
    let now_ms = door.rig.context.engine.world().wall_ms();
    for wanted in Scope::ALL {
        let params = connect(
            "openclaw-tui",
            "ui",
            &[wanted.as_str()],
            json!({ "token": TOKEN }),
        );
        let params = signed(params, 77, "nonce-1", now_ms);
        assert!(door.knock_with(&params, |_| {}).await.is_err());
        let (waiting, _) = devices.list().await.expect("listed");
        let request = waiting.first().expect("it waits").request_id.clone();
        let asked = ScopeSet::NONE.with(wanted);
        let weaker = Scope::ALL
            .into_iter()
            .map(|scope| ScopeSet::NONE.with(scope));
        for caller in weaker.filter(|caller| !caller.covers(asked)) {
            let refused = devices
                .approve(&request, caller)
                .await
                .expect_err("too weak");
            assert_eq!(refused.code, Code::MissingScope, "{caller} gives {wanted}");
        }
        devices.reject(&request).await.expect("rejected");
    }
    // A node asks for no scope; the commands it lends wait for an approval of their own.
    let params = signed(node("linux", &[]), 78, "nonce-1", now_ms);
    assert!(door.knock_with(&params, |_| {}).await.is_err());
    let (waiting, _) = devices.list().await.expect("listed");
    let request = &waiting.first().expect("it waits").request_id;
    let pairing = ScopeSet::NONE.with(Scope::Pairing);
    assert!(devices.approve(request, pairing).await.is_ok());
}

/// An empty list of scopes inherits nothing, neither from an approval nor from a token.
#[tokio::test]
async fn s_008_who_comes_back_asking_for_nothing_gets_nothing() {
    let mut door = Door::open().await;
    let now_ms = door.rig.context.engine.world().wall_ms();
    let knock = |scopes: &[&str], auth| {
        signed(
            connect("openclaw-tui", "ui", scopes, auth),
            5,
            "nonce-1",
            now_ms,
        )
    };
    let first = knock(&["operator.admin"], json!({ "token": TOKEN }));
    let first = door.knock_with(&first, |_| {}).await.expect("paired here");
    door.remote();
    let token = first.token.expect("a token").token;
    for auth in [json!({ "token": TOKEN }), json!({ "deviceToken": token })] {
        let again = door
            .knock_with(&knock(&[], auth), |_| {})
            .await
            .expect("known");
        assert_eq!(again.scopes, ScopeSet::NONE);
    }
}

/// Two people decide at the same moment: one of them decides, whatever the order.
#[tokio::test]
async fn a_request_is_decided_once_even_by_two_people_at_once() {
    let mut door = Door::open().await;
    door.remote();
    let devices = door.rig.dialect.devices().clone();
    let now_ms = door.rig.context.engine.world().wall_ms();
    for seed in 100..130 {
        let params = connect(
            "openclaw-tui",
            "ui",
            &["operator.read"],
            json!({ "token": TOKEN }),
        );
        let params = signed(params, seed, "nonce-1", now_ms);
        assert!(door.knock_with(&params, |_| {}).await.is_err());
        let (waiting, _) = devices.list().await.expect("listed");
        let request = waiting.first().expect("it waits").request_id.clone();
        let (approved, rejected) = tokio::join!(
            devices.approve(&request, ScopeSet::every()),
            devices.reject(&request)
        );
        assert_ne!(approved.is_ok(), rejected.is_ok());
        let (_, paired) = devices.list().await.expect("listed");
        let is_in = paired.iter().any(|row| row.device_id == device_id(seed));
        assert_eq!(is_in, approved.is_ok(), "a refused device is not let in");
    }
}

/// A rotation that meets a revocation never brings the grant back.
#[tokio::test]
async fn s_040_a_rotation_does_not_undo_a_revocation() {
    let door = Door::open().await;
    let devices = door.rig.dialect.devices().clone();
    let now_ms = door.rig.context.engine.world().wall_ms();
    for seed in 140..170 {
        let params = connect(
            "openclaw-tui",
            "ui",
            &["operator.read"],
            json!({ "token": TOKEN }),
        );
        let params = signed(params, seed, "nonce-1", now_ms);
        let paired = door.knock_with(&params, |_| {}).await.expect("paired here");
        let device = paired.device.expect("a device");
        let rotate = devices.rotate(device.as_str(), Role::Operator, None, ScopeSet::every());
        let revoke = devices.revoke(device.as_str(), Role::Operator);
        // Whoever comes first, and whoever reads before the other writes.
        let (rotated, revoked) = if seed % 2 == 0 {
            tokio::join!(rotate, revoke)
        } else {
            let (revoked, rotated) = tokio::join!(revoke, rotate);
            (rotated, revoked)
        };
        revoked.expect("revoked");
        // Rotated before or refused: either way nothing is left.
        drop(rotated);
        let left = devices.token(&device, Role::Operator).await.expect("read");
        assert_eq!(left, None);
    }
}

/// Tells that a handshake can go on.
#[derive(Default)]
struct Woken(Notify);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }
}

/// Lets a handshake come so many steps far, makes the change, and lets it go on.
async fn interrupted<T>(
    handshake: impl Future<Output = T>,
    steps: u8,
    change: impl Future<Output = ()>,
) -> T {
    let mut handshake = pin!(handshake);
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    for _ in 0..steps {
        let step = handshake.as_mut().poll(&mut Context::from_waker(&waker));
        if let Poll::Ready(outcome) = step {
            change.await;
            return outcome;
        }
        // What it asked the store for is answered before the change.
        woken.0.notified().await;
    }
    change.await;
    handshake.await
}

/// More steps than a handshake with a token has.
const STEPS_MAX: u8 = 10;

/// At whatever moment of the handshake a token goes: nobody comes in without one, or is given the new for the old.
#[tokio::test]
async fn s_040_a_token_that_goes_during_the_handshake_is_not_exchanged() {
    let door = Door::open().await;
    let devices = door.rig.dialect.devices().clone();
    let now_ms = door.rig.context.engine.world().wall_ms();
    let knock = |seed: u8, auth| {
        let params = connect("openclaw-tui", "ui", &["operator.read"], auth);
        signed(params, seed, "nonce-1", now_ms)
    };
    for is_rotated in [false, true] {
        for steps in 0..=STEPS_MAX {
            let seed = 2 * steps + u8::from(is_rotated);
            let first = knock(seed, json!({ "token": TOKEN }));
            let paired = door.knock_with(&first, |_| {}).await.expect("paired here");
            let device = paired.device.expect("a device");
            let token = paired.token.expect("a token");
            let change = async {
                let (id, role) = (device.as_str(), Role::Operator);
                if is_rotated {
                    let every = ScopeSet::every();
                    devices
                        .rotate(id, role, None, every)
                        .await
                        .expect("rotated");
                } else {
                    devices.revoke(id, role).await.expect("revoked");
                }
            };
            let params = knock(seed, json!({ "deviceToken": token.token }));
            let handshake = door.knock_with(&params, |_| {});
            match interrupted(handshake, steps, change).await {
                Ok(principal) => {
                    assert_eq!(principal.token, Some(token), "after {steps} steps");
                    assert_ne!(steps, 0, "it was gone before");
                }
                Err(refusal) => {
                    let details = refusal.error.and_then(|error| error.details);
                    let code = details.expect("details")["code"].clone();
                    assert_eq!(code, "AUTH_DEVICE_TOKEN_MISMATCH", "after {steps} steps");
                    assert_ne!(steps, STEPS_MAX, "it was in already");
                }
            }
        }
    }
}

/// A trusted network lets a node in on its first visit, not again at the moment somebody throws it out.
#[tokio::test]
async fn s_040_a_node_revoked_during_the_handshake_needs_a_person() {
    let mut door = Door::open().await;
    door.remote();
    let devices = door.rig.dialect.devices().clone();
    let now_ms = door.rig.context.engine.world().wall_ms();
    let trusted = |front: &mut FrontSettings| {
        front.nodes.auto_approve_networks = vec!["192.0.2.0/24".parse().expect("a network")];
    };
    for steps in 0..=STEPS_MAX {
        let params = signed(node("linux", &[]), 100 + steps, "nonce-1", now_ms);
        let paired = door.knock_with(&params, trusted).await.expect("trusted");
        let device = paired.device.expect("a device");
        let change = async {
            let revoked = devices.revoke(device.as_str(), Role::Node).await;
            revoked.expect("revoked");
        };
        let handshake = door.knock_with(&params, trusted);
        drop(interrupted(handshake, steps, change).await);
        let left = devices.token(&device, Role::Node).await.expect("read");
        assert_eq!(left, None, "after {steps} steps");
    }
}

/// What was taken away while a handshake was on the way ends the connection it led to.
#[tokio::test]
async fn s_040_a_credential_that_went_during_the_handshake_ends_it() {
    let door = Door::open().await;
    let dialect = &door.rig.dialect;
    let now_ms = door.rig.context.engine.world().wall_ms();
    let params = connect(
        "openclaw-tui",
        "ui",
        &["operator.read"],
        json!({ "token": TOKEN }),
    );
    let params = signed(params, 9, "nonce-1", now_ms);
    let paired = door.knock_with(&params, |_| {}).await.expect("paired here");
    let device = paired.device.expect("a device");
    let guest = client(Role::Operator, paired.scopes);
    let mut facts = std::sync::Arc::into_inner(guest).expect("nobody else has it");
    facts.device = Some(device.clone());
    let guest = std::sync::Arc::new(facts);
    let front = super::rig::front(door.rig.address.port());
    let holds = dialect
        .still_holds(&guest, paired.token.clone(), &front)
        .await;
    assert!(holds.is_ok());
    let canvas = dialect.surfaces().open_canvas(guest.id, "http://here");
    let canvas = canvas.expect("an address").url;
    let (_, canvas) = canvas.rsplit_once('/').expect("a path");
    assert!(dialect.opens_canvas(canvas));
    let mut other = front.clone();
    other.secret = Some("another-secret-another-secret-another".into());
    let end = dialect
        .still_holds(&guest, paired.token.clone(), &other)
        .await;
    assert_eq!(end.err().flatten().map(|end| end.code), Some(4001));
    assert!(!dialect.opens_canvas(canvas), "nor what it was given");
    dialect
        .devices()
        .rotate(device.as_str(), Role::Operator, None, ScopeSet::every())
        .await
        .expect("rotated");
    let end = dialect
        .still_holds(&guest, paired.token.clone(), &front)
        .await;
    assert_eq!(end.err().flatten().map(|end| end.code), Some(4001));
    dialect
        .devices()
        .revoke(device.as_str(), Role::Operator)
        .await
        .expect("revoked");
    let end = dialect.still_holds(&guest, paired.token, &front).await;
    assert!(end.is_err());
    let end = dialect.still_holds(&guest, None, &front).await;
    assert!(end.is_err(), "a device without a token is not in");
    let anonymous = client(Role::Operator, ScopeSet::every());
    let holds = dialect.still_holds(&anonymous, None, &front).await;
    assert!(holds.is_ok());
    let end = dialect.still_holds(&anonymous, None, &other).await;
    assert_eq!(end.err().flatten().map(|end| end.code), Some(4001));
}

/// A device that moved to another system is asked about once, not at every hello after that.
#[tokio::test]
async fn an_approved_change_of_the_machine_is_remembered() {
    let mut door = Door::open().await;
    let now_ms = door.rig.context.engine.world().wall_ms();
    let knock = |platform: &str| {
        let mut params = connect(
            "openclaw-tui",
            "ui",
            &["operator.read"],
            json!({ "token": TOKEN }),
        );
        params["client"]["platform"] = json!(platform);
        signed(params, 5, "nonce-1", now_ms)
    };
    door.knock_with(&knock("linux"), |_| {})
        .await
        .expect("paired here");
    door.remote();
    door.knock_with(&knock("linux"), |_| {})
        .await
        .expect("known");
    let asked = door
        .knock_with(&knock("macos"), |_| {})
        .await
        .expect_err("asked about");
    assert!(
        asked.reason.contains("must be re-approved"),
        "{}",
        asked.reason
    );
    let devices = door.rig.dialect.devices();
    let (waiting, _) = devices.list().await.expect("listed");
    let request = &waiting.first().expect("it waits").request_id;
    devices
        .approve(request, ScopeSet::every())
        .await
        .expect("approved");
    door.knock_with(&knock("macos"), |_| {})
        .await
        .expect("known under its new name");
}
