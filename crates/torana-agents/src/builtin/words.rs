//! What people read when a model could not answer: what happened, to which provider, what to do. Nothing internal.

use std::fmt::Write as _;

use torana_core::run::{FailureKind, ModelRef, RunError};

use crate::presets;
use crate::provider::ProviderFailure;

/// The error of a turn that ended with this failure.
pub(crate) fn run_error(
    failure: &ProviderFailure,
    model: Option<&ModelRef>,
    has_key: bool,
    attempts: u32,
) -> RunError {
    let message = match model {
        Some(model) => sentence(failure, model, has_key, attempts),
        None => "no model is configured; set agents.defaults.model.primary to `provider/model`"
            .to_owned(),
    };
    RunError {
        kind: failure.kind,
        message,
        status: failure.status,
    }
}

/// The error of a turn whose own deadline passed.
pub(crate) fn out_of_time(model: Option<&ModelRef>) -> RunError {
    let message = match model {
        Some(model) => format!(
            "the turn ran out of time while {model} was answering; send it again or ask for less at once"
        ),
        None => "the turn ran out of time before a model could be asked; send it again".to_owned(),
    };
    RunError {
        kind: FailureKind::Timeout,
        message,
        status: None,
    }
}

fn sentence(failure: &ProviderFailure, model: &ModelRef, has_key: bool, attempts: u32) -> String {
    let ModelRef { provider, model } = model;
    let status = failure
        .status
        .map(|status| format!(" ({status})"))
        .unwrap_or_default();
    let tries = if attempts > 1 {
        format!(" after {attempts} attempts")
    } else {
        String::new()
    };
    match failure.kind {
        FailureKind::Auth => {
            let mut text = if has_key {
                format!(
                    "the provider {provider} refused the key{status}; check models.providers.{provider}.apiKey"
                )
            } else {
                format!(
                    "the provider {provider} wants a key{status} and there is none; set models.providers.{provider}.apiKey"
                )
            };
            if let Some(name) =
                presets::preset(provider).and_then(|preset| preset.key_names.first())
            {
                write!(text, " or the environment variable {name}").unwrap_or_default();
            }
            text
        }
        FailureKind::Billing => format!(
            "the account at {provider} has no credit left{status}; add credit there or choose another model with /model"
        ),
        FailureKind::RateLimit => match failure.retry_after_ms.filter(|wait_ms| *wait_ms > 1_000) {
            Some(wait_ms) => format!(
                "the provider {provider} asks to wait {} before it answers again{status}; try again then or add a model to agents.defaults.model.fallbacks",
                duration(wait_ms)
            ),
            None => format!(
                "the provider {provider} is overloaded or limits its rate{status}{tries}; try again in a minute or add a model to agents.defaults.model.fallbacks"
            ),
        },
        FailureKind::Timeout => format!(
            "the provider {provider} did not answer in time ({}){tries}; try again, or check models.providers.{provider}.baseUrl",
            failure.detail
        ),
        FailureKind::Unavailable => format!(
            "the provider {provider} is not available ({}){tries}; try again later, or check models.providers.{provider}.baseUrl",
            failure.detail
        ),
        FailureKind::ModelNotFound => format!(
            "the provider {provider} has no model `{model}`{status}; correct agents.defaults.model or choose another with /model"
        ),
        FailureKind::ContextLength => {
            format!("this conversation is longer than {model} can read; start a new one with /new")
        }
        FailureKind::Refusal => {
            format!("the model {model} declined to answer; try to put it differently")
        }
        FailureKind::Format if failure.unreadable => format!(
            "the provider {provider} sent something that cannot be read ({}){tries}; check models.providers.{provider}.baseUrl and .api",
            failure.detail
        ),
        FailureKind::Format => format!(
            "the provider {provider} did not accept the request ({}); `torana logs --level warn` shows its reason",
            failure.detail
        ),
        FailureKind::NotConfigured => format!(
            "the provider {provider} cannot be used ({}); check models.providers.{provider}",
            failure.detail
        ),
        FailureKind::Internal => failure.detail.clone(),
    }
}

fn duration(wait_ms: u64) -> String {
    let seconds = wait_ms.div_ceil(1_000);
    if seconds < 120 {
        format!("{seconds} seconds")
    } else {
        format!("{} minutes", seconds.div_ceil(60))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_was_not_sent_was_not_refused() {
        let failure = ProviderFailure {
            status: Some(401),
            ..ProviderFailure::new(FailureKind::Auth, "")
        };
        let model = ModelRef {
            provider: "p".to_owned(),
            model: "m".to_owned(),
        };
        assert_eq!(
            run_error(&failure, Some(&model), false, 1).message,
            "the provider p wants a key (401) and there is none; set models.providers.p.apiKey"
        );
    }
}
