//! Sign-in and setup codes: single use, ten minutes, in memory only (decision 35). A restart forgets them.
//!
//! A sign-in code lets a page in; a setup code lets a phone or a node in, with what its profile grants.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use torana_core::auth::{self, Digest, Role, Scope, ScopeSet};
use torana_core::limit::LOGIN_CODE_MS;
use torana_core::port::World;

/// Codes alive at once; printing more forgets the oldest. Far above what a person opens in ten minutes.
const CODES_MAX: usize = 64;

/// A fresh code.
#[derive(Clone, PartialEq, Eq)]
pub struct LoginCode {
    /// The code; a credential.
    pub code: String,
    /// When it dies, Unix milliseconds.
    pub expires_at_ms: i64,
}

impl std::fmt::Debug for LoginCode {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "LoginCode(…, expires_at_ms: {})",
            self.expires_at_ms
        )
    }
}

/// What a setup code grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetupProfile {
    /// Everything: the owner's phone.
    Full,
    /// Talk and look, but nothing of an administrator and no letting in of others.
    Limited,
    /// Only lend commands.
    Node,
}

impl SetupProfile {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Limited => "limited",
            Self::Node => "node",
        }
    }

    /// Scopes of the operator role; none means that the role is not granted.
    pub fn scopes(self) -> ScopeSet {
        match self {
            Self::Full => ScopeSet::every(),
            Self::Limited => [
                Scope::Read,
                Scope::Write,
                Scope::Approvals,
                Scope::Questions,
                Scope::Talk,
            ]
            .into_iter()
            .collect(),
            Self::Node => ScopeSet::NONE,
        }
    }

    /// The role is granted.
    pub fn grants(self, role: Role) -> bool {
        role == Role::Node || !self.scopes().is_empty()
    }
}

/// A setup code's name and what it grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// Its id; no secret.
    pub id: String,
    /// What it grants.
    pub profile: SetupProfile,
}

/// A device that came with a setup code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupDone {
    /// The code.
    pub setup: Setup,
    /// The device.
    pub device_id: String,
    /// Name it gives itself.
    pub device_name: Option<String>,
    /// When, Unix milliseconds.
    pub at_ms: i64,
}

/// Issues and redeems codes. Cheap to clone.
#[derive(Clone)]
pub struct LoginCodes {
    world: World,
    // Ordered by issue number, so the first is the oldest.
    live: Arc<Mutex<(u64, BTreeMap<u64, Entry>)>>,
    // The newest last.
    done: Arc<Mutex<Vec<SetupDone>>>,
}

struct Entry {
    digest: Digest,
    // Monotonic, so that a changed wall clock neither kills nor revives a code.
    dies_at_ms: u64,
    // `None` for a sign-in code.
    setup: Option<Setup>,
}

impl LoginCodes {
    /// No codes yet.
    pub fn new(world: World) -> Self {
        Self {
            world,
            live: Arc::default(),
            done: Arc::default(),
        }
    }

    /// A fresh sign-in code.
    pub fn issue_login(&self) -> LoginCode {
        self.issue(None)
    }

    /// A fresh setup code, and its name.
    pub fn issue_setup(&self, profile: SetupProfile) -> (Setup, LoginCode) {
        let setup = Setup {
            id: self.world.uuid(),
            profile,
        };
        let code = self.issue(Some(setup.clone()));
        (setup, code)
    }

    fn issue(&self, setup: Option<Setup>) -> LoginCode {
        let code = auth::login_code(&self.world);
        let life_ms = LOGIN_CODE_MS.unsigned_abs();
        let dies_at_ms = self.world.monotonic_ms().saturating_add(life_ms);
        let mut guard = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, live) = &mut *guard;
        *number += 1;
        live.insert(
            *number,
            Entry {
                digest: auth::digest(&code),
                dies_at_ms,
                setup,
            },
        );
        while live.len() > CODES_MAX {
            live.pop_first();
        }
        LoginCode {
            code,
            expires_at_ms: self.world.wall_ms().saturating_add(LOGIN_CODE_MS),
        }
    }

    /// The code could be spent now. For a throttle that must know before it lets a guess count.
    pub fn is_live(&self, code: &str) -> bool {
        let wanted = auth::digest(code);
        let now_ms = self.world.monotonic_ms();
        let guard = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        guard
            .1
            .values()
            .any(|entry| entry.dies_at_ms > now_ms && entry.digest == wanted)
    }

    /// Spends a sign-in code. `false` when it is unknown, spent, too old, or a setup code.
    pub fn redeem_login(&self, code: &str) -> bool {
        self.redeem(code, |setup| setup.is_none()).is_some()
    }

    /// Spends a setup code for a role it grants.
    pub fn redeem_setup(&self, code: &str, role: Role) -> Option<Setup> {
        let grants = |setup: &Option<Setup>| {
            setup
                .as_ref()
                .is_some_and(|setup| setup.profile.grants(role))
        };
        self.redeem(code, grants).flatten()
    }

    fn redeem(&self, code: &str, fits: impl Fn(&Option<Setup>) -> bool) -> Option<Option<Setup>> {
        let wanted = auth::digest(code);
        let now_ms = self.world.monotonic_ms();
        let mut guard = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        let live = &mut guard.1;
        live.retain(|_, entry| entry.dies_at_ms > now_ms);
        let number = live
            .iter()
            .find(|(_, entry)| entry.digest == wanted && fits(&entry.setup))
            .map(|(number, _)| *number)?;
        live.remove(&number).map(|entry| entry.setup)
    }

    /// A device came with a setup code.
    pub fn set_up(&self, done: SetupDone) {
        let mut all = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= CODES_MAX {
            all.remove(0);
        }
        all.push(done);
    }

    /// What came of a setup code; `None` while nobody came with it, and for ids we do not know.
    pub fn setup_done(&self, setup_id: &str) -> Option<SetupDone> {
        let all = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().find(|done| done.setup.id == setup_id).cloned()
    }
}
