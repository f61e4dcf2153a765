//! Why an account of the configuration does not start.

use torana_channels::AccountConfig;
use torana_core::config::{Part, Refusal};

/// Why an account of the configuration does not start, when a part of it was refused.
pub(crate) fn refusal_of(refusals: &[Refusal], account: &AccountConfig) -> Option<String> {
    refusals
        .iter()
        .find(|refusal| match &refusal.part {
            Part::Channel {
                channel,
                account: name,
            } => {
                channel.eq_ignore_ascii_case(account.channel.as_str())
                    && name
                        .as_deref()
                        .is_none_or(|name| name == account.account.as_str())
            }
            _ => false,
        })
        .map(|refusal| format!("`{}`: {}", refusal.key, refusal.message))
}
