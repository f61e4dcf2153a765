//! Paired devices and their tokens.

use super::row::{ADMIN, NONE, PAIRING, hidden, limited, row};
use crate::openclaw::methods::{Method, Needs, devices, setup};
use crate::openclaw::params::{Kind, NAME, Spec, closed, may, moot, must};

const REQUEST_ID: Spec = closed(&[must("requestId", NAME)]);

pub(super) const ROWS: &[Method] = &[
    row(
        "device.pair.list",
        PAIRING,
        "Devices that wait and devices that are paired.",
        NONE,
        devices::devices,
    ),
    limited(row(
        "device.pair.approve",
        PAIRING,
        "Lets a device in with what it asked for.",
        REQUEST_ID,
        devices::approve_device,
    )),
    limited(row(
        "device.pair.reject",
        PAIRING,
        "Refuses a device.",
        REQUEST_ID,
        devices::reject_device,
    )),
    limited(row(
        "device.pair.remove",
        PAIRING,
        "Forgets a device.",
        closed(&[must("deviceId", NAME)]),
        devices::remove_device,
    )),
    limited(row(
        "device.pair.rename",
        PAIRING,
        "Names a device.",
        closed(&[must("deviceId", NAME), must("label", Kind::Text(1, 64))]),
        devices::rename_device,
    )),
    limited(row(
        "device.token.rotate",
        PAIRING,
        "Replaces the token of a device.",
        closed(&[
            must("deviceId", NAME),
            must("role", NAME),
            may("scopes", Kind::List(&NAME)),
        ]),
        devices::rotate_token,
    )),
    limited(row(
        "device.token.revoke",
        PAIRING,
        "Takes the token of a device away.",
        closed(&[must("deviceId", NAME), must("role", NAME)]),
        devices::revoke_token,
    )),
    row(
        "device.scopes.requestUpgrade",
        Needs::Operator,
        "Asks people for scopes this device does not have.",
        closed(&[must("scopes", Kind::List(&NAME))]),
        devices::request_upgrade,
    ),
    row(
        "device.scopes.waitUpgrade",
        Needs::Operator,
        "Waits for their decision.",
        REQUEST_ID,
        devices::wait_upgrade,
    ),
    hidden(limited(row(
        "device.pair.setupCode",
        ADMIN,
        "A single-use code, also as a QR picture, that lets a phone or a node in.",
        closed(&[
            may("publicUrl", NAME),
            moot(
                "preferRemoteUrl",
                Kind::Bool,
                "a code carries the one address the gateway is known by",
            ),
            may("includeQr", Kind::Bool),
            may("bootstrapProfile", Kind::OneOf(&["limited", "node"])),
            may("joinUrl", Kind::Bool),
        ]),
        setup::code,
    ))),
    hidden(row(
        "device.pair.setupStatus",
        ADMIN,
        "Whether a device came with a setup code.",
        closed(&[must("setupId", Kind::Text(1, 128))]),
        setup::status,
    )),
];
