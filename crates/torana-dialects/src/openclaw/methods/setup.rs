//! Setup codes: one text or picture that lets a phone or a node in, once, for ten minutes.
//!
//! The code is base64url JSON `{url, urls?, bootstrapToken}` (OpenClaw 2026.9.6); the token inside is spent at the
//! first hello and replaced by a device token.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;
use torana_engine::service::login::SetupProfile;
use url::Url;

use super::{Answer, Call, Running};
use crate::context::AuthMode;
use crate::front::host::is_local_name;
use crate::openclaw::error::WireError;
use crate::openclaw::frame::Payload;
use crate::openclaw::newcomer::setup_done;

/// Pixels of one module of the picture: large enough for a phone at arm's length.
const MODULE_PIXELS: usize = 4;
/// Empty modules around it; the standard (ISO/IEC 18004) asks for four.
const QUIET_MODULES: usize = 4;
/// Characters of the picture's address that pages accept (OpenClaw 2026.9.6).
const PICTURE_CHARS_MAX: usize = 16_384;

/// The address as a WebSocket address, without anything secret or misleading in it.
fn socket_url(text: &str) -> Option<String> {
    let mut url = Url::parse(text.trim()).ok()?;
    let scheme = match url.scheme() {
        "ws" | "http" => "ws",
        "wss" | "https" => "wss",
        _ => return None,
    };
    let is_plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if !is_plain || url.host_str().is_none() {
        return None;
    }
    url.set_scheme(scheme).ok()?;
    Some(url.as_str().trim_end_matches('/').to_owned())
}

/// Where a device can reach us, and where that came from.
fn address(call: &Call) -> Result<(String, &'static str), WireError> {
    if let Some(text) = call.params.word("publicUrl") {
        let url = socket_url(text).ok_or_else(|| {
            WireError::invalid(
                "invalid device.pair.setupCode params: at /publicUrl: must be a ws, wss, http or https address",
            )
        })?;
        return Ok((url, "request.publicUrl"));
    }
    let front = call.gateway.context().front.load();
    if let Some(url) = front.public_origin.as_deref().and_then(socket_url) {
        return Ok((url, "gateway.publicOrigin"));
    }
    let host = &call.client.host;
    if !host.is_empty() && !is_local_name(host) {
        // The address this administrator uses works at least from where they are.
        if let Some(url) = socket_url(&format!("ws://{host}")) {
            return Ok((url, "request.host"));
        }
    }
    Err(WireError::invalid(
        "no address is known under which another device reaches this gateway; set gateway.publicOrigin, \
         or connect by the address it has in your network",
    ))
}

/// The picture of a text as a PNG in a data address; `None` when the text is too long for one.
fn picture(text: &str) -> Option<String> {
    let code = qrcode::QrCode::with_error_correction_level(text, qrcode::EcLevel::M).ok()?;
    let modules = code.width();
    let colors = code.to_colors();
    let side = (modules + 2 * QUIET_MODULES) * MODULE_PIXELS;
    let row_bytes = side.div_ceil(8);
    // One bit per pixel, white is set.
    let mut bits = vec![0xff_u8; row_bytes * side];
    for (index, color) in colors.iter().enumerate() {
        if *color == qrcode::Color::Light {
            continue;
        }
        let (left, top) = (
            (index % modules + QUIET_MODULES) * MODULE_PIXELS,
            (index / modules + QUIET_MODULES) * MODULE_PIXELS,
        );
        for y in top..top + MODULE_PIXELS {
            for x in left..left + MODULE_PIXELS {
                bits[y * row_bytes + x / 8] &= !(0x80 >> (x % 8));
            }
        }
    }
    let side = u32::try_from(side).ok()?;
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(&bits).ok()?;
    writer.finish().ok()?;
    let address = format!("data:image/png;base64,{}", STANDARD.encode(&file));
    (address.len() <= PICTURE_CHARS_MAX).then_some(address)
}

pub(super) fn code(call: Call) -> Running {
    Box::pin(async move { make(&call) })
}

fn make(call: &Call) -> Answer {
    let profile = match call.params.word("bootstrapProfile") {
        Some("limited") => SetupProfile::Limited,
        Some("node") => SetupProfile::Node,
        _ => SetupProfile::Full,
    };
    let (url, source) = address(call)?;
    let front = call.gateway.context().front.load();
    let (setup, code) = call.gateway.logins().issue_setup(profile);
    let payload = json!({ "url": url, "bootstrapToken": code.code });
    let text = URL_SAFE_NO_PAD.encode(payload.to_string());
    let mut answer = json!({
        "setupId": setup.id,
        "expiresAtMs": code.expires_at_ms,
        "setupCode": text,
        "gatewayUrl": url,
        "auth": match front.auth {
            AuthMode::Token => "token",
            AuthMode::Password => "password",
            AuthMode::None => "none",
            AuthMode::TrustedProxy => "trusted-proxy",
        },
        "urlSource": source,
        "access": profile.as_str(),
    });
    if call.params.flag("includeQr") != Some(false)
        && let Some(address) = picture(&text)
    {
        answer["qrDataUrl"] = json!(address);
    }
    if call.params.flag("joinUrl") == Some(true) {
        // The fragment never reaches a server or its log.
        let page = url.replacen("ws", "http", 1);
        answer["joinUrl"] = json!(format!("{page}/#setup={text}"));
    }
    Ok(Payload::of(&answer))
}

pub(super) fn status(call: Call) -> Running {
    Box::pin(async move {
        let setup_id = call.params.word("setupId").unwrap_or_default();
        let found = call.gateway.logins().setup_done(setup_id);
        Ok(Payload::of(&match found {
            Some(found) => json!({ "completion": setup_done(&found) }),
            None => json!({}),
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_with_secrets_or_other_schemes_are_refused() {
        assert_eq!(
            socket_url("https://gateway.example.org/").as_deref(),
            Some("wss://gateway.example.org")
        );
        assert_eq!(
            socket_url("ws://10.0.0.2:18789").as_deref(),
            Some("ws://10.0.0.2:18789")
        );
        for bad in [
            "ftp://a",
            "wss://user:secret@a",
            "wss://a/?token=x",
            "wss://a/#token=x",
            "javascript:alert(1)",
            "",
        ] {
            assert_eq!(socket_url(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_setup_code_fits_into_a_picture() {
        let picture = picture(&"x".repeat(220)).expect("a picture");
        assert!(picture.starts_with("data:image/png;base64,iVBOR"));
        assert!(picture.len() <= PICTURE_CHARS_MAX, "{}", picture.len());
        assert_eq!(super::picture(&"x".repeat(5_000)), None);
    }
}
