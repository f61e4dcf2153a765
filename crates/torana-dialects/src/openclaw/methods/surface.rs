//! Fresh addresses of what is looked at by address.

use serde_json::json;

use super::{Call, Running};
use crate::openclaw::error::{UNAVAILABLE, WireError};
use crate::openclaw::frame::Payload;
use crate::openclaw::surface::CANVAS;

/// Wait before another try when too many addresses are in use, milliseconds: some end every moment.
const CROWDED_MS: u64 = 5_000;

/// Every address stays good until its own end, so what the client saw last makes no difference.
pub(super) fn refresh(call: Call) -> Running {
    Box::pin(async move {
        let surface = call.params.word("surface").unwrap_or_default();
        let base_url = call.client.base_url.as_deref();
        let (CANVAS, Some(base_url)) = (surface, base_url) else {
            let short: String = surface.chars().take(64).collect();
            return Err(WireError::new(
                UNAVAILABLE,
                format!("{short} plugin surface unavailable"),
            ));
        };
        let surfaces = call.gateway.surfaces();
        let Some(address) = surfaces.open_canvas(call.client.id, base_url) else {
            let error = WireError::new(UNAVAILABLE, "too many addresses are in use");
            return Err(error.retry_after(CROWDED_MS));
        };
        Ok(Payload::of(&json!({
            "surface": CANVAS, "pluginSurfaceUrls": { CANVAS: address.url }, "expiresAtMs": address.expires_at_ms,
        })))
    })
}
