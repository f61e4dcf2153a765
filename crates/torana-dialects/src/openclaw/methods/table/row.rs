//! What rows are built from: scopes, modifiers and parameter kinds that several families share.

use torana_core::auth::Scope;

use crate::openclaw::methods::{Call, Method, Needs, Running};
use crate::openclaw::params::{Kind, NAME, Spec, closed, open};

pub(super) const READ: Needs = Needs::Scope(Scope::Read);
pub(super) const WRITE: Needs = Needs::Scope(Scope::Write);
pub(super) const ADMIN: Needs = Needs::Scope(Scope::Admin);
pub(super) const PAIRING: Needs = Needs::Scope(Scope::Pairing);

pub(super) const LABEL: Kind = Kind::Text(1, 512);
pub(super) const OR_NULL_NAME: Kind = Kind::OrNull(&NAME);
pub(super) const QUEUE_MODES: Kind = Kind::OneOf(&["steer", "followup", "collect", "interrupt"]);
pub(super) const NONE: Spec = closed(&[]);
pub(super) const FREE: Spec = open(&[]);

/// A row that is listed and not limited.
pub(super) const fn row(
    name: &'static str,
    needs: Needs,
    doc: &'static str,
    params: Spec,
    run: fn(Call) -> Running,
) -> Method {
    Method {
        name,
        needs,
        listed: true,
        write: false,
        since: "0.1",
        doc,
        params,
        run,
    }
}

pub(super) const fn hidden(method: Method) -> Method {
    Method {
        listed: false,
        ..method
    }
}

pub(super) const fn limited(method: Method) -> Method {
    Method {
        write: true,
        ..method
    }
}
