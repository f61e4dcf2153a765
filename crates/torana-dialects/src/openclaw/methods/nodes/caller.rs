//! Which node speaks: its device, and no other one that it may name.

use torana_core::id::DeviceId;

use crate::openclaw::error::WireError;
use crate::openclaw::methods::Call;

/// The node behind the call. A node connection always has a device.
pub(super) fn caller(call: &Call) -> Result<DeviceId, WireError> {
    let device = call.client.device.clone();
    device.ok_or_else(|| WireError::invalid("nodeId required"))
}

/// The same, where the node names itself too: it cannot speak for another one (S-089).
pub(super) fn named_caller(call: &Call) -> Result<DeviceId, WireError> {
    let device = caller(call)?;
    if call.params.word("nodeId") == Some(device.as_str()) {
        Ok(device)
    } else {
        Err(WireError::invalid("nodeId mismatch"))
    }
}
