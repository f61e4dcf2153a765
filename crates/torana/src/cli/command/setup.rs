//! `torana qr` and `torana devices join-code`: codes that let a phone or a node in, once, for ten minutes.

use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use serde_json::{Value, json};

use super::operate::ask;
use crate::cli::args::QrFlags;
use crate::cli::failure::{Failure, Reason};
use crate::cli::invocation::Invocation;
use crate::cli::rpc::method;
use crate::cli::words::text_of;

/// Shows a code for a phone.
pub(crate) async fn qr(invocation: &mut Invocation, flags: QrFlags) -> Result<(), Failure> {
    let mut params = json!({ "includeQr": invocation.output.json });
    if let Some(url) = &flags.public_url {
        params["publicUrl"] = json!(url);
    }
    if flags.limited {
        params["bootstrapProfile"] = json!("limited");
    }
    let answer = made(invocation, params).await?;
    let code = text_of(&answer, "setupCode").to_owned();
    if flags.setup_code_only && !invocation.output.json {
        return invocation.output.text(&code);
    }
    invocation.output.either(&answer, || {
        let mut parts = Vec::new();
        if !flags.no_ascii
            && let Some(picture) = picture(&code)
        {
            parts.push(picture);
        }
        parts.push(format!("gateway  {}", text_of(&answer, "gatewayUrl")));
        parts.push(format!("access   {}", text_of(&answer, "access")));
        parts.push(format!("code     {code}"));
        parts.push(
            "It lets one device in, once, within ten minutes. Show it to nobody else.".to_owned(),
        );
        parts.join("\n")
    })
}

/// Makes an address for a node.
pub(crate) async fn join_code(
    invocation: &Invocation,
    public_url: Option<String>,
) -> Result<(), Failure> {
    let mut params = json!({ "bootstrapProfile": "node", "joinUrl": true, "includeQr": false });
    if let Some(url) = public_url {
        params["publicUrl"] = json!(url);
    }
    let answer = made(invocation, params).await?;
    invocation
        .output
        .either(&answer, || text_of(&answer, "joinUrl").to_owned())?;
    if !invocation.output.json {
        invocation
            .output
            .note("it lets one node in, once, within ten minutes");
    }
    Ok(())
}

async fn made(invocation: &Invocation, params: Value) -> Result<Value, Failure> {
    ask(invocation, method::DEVICES_SETUP_CODE, params)
        .await
        .map_err(|failure| match failure.reason {
            Reason::Other if failure.message.starts_with("no address is known") => {
                no_address(failure)
            }
            _ => failure,
        })
}

/// What the gateway advises after the semicolon is meant for a page; here the hint says it for a command line.
fn no_address(failure: Failure) -> Failure {
    let what = failure.message.split(';').next().unwrap_or_default();
    Failure {
        message: what.to_owned(),
        ..failure
    }
    .hint("name the address with --public-url, or set `gateway.publicOrigin`")
}

/// The code in half blocks, dark on light as cameras expect it; `None` when it is too long for a picture.
fn picture(code: &str) -> Option<String> {
    let code = QrCode::new(code).ok()?;
    // Terminals are mostly dark, so light modules are the ones that are drawn.
    let picture = code
        .render::<Dense1x2>()
        .dark_color(Dense1x2::Light)
        .light_color(Dense1x2::Dark)
        .build();
    Some(picture)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do_about_a_missing_address_is_said_once() {
        let told = Failure::failed("no address is known; set gateway.publicOrigin, or connect");
        let told = no_address(told);
        assert_eq!(told.message, "no address is known");
        assert!(told.hint.is_some_and(|hint| hint.contains("publicOrigin")));
    }
}
