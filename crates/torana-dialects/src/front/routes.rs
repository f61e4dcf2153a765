//! From a route to what answers it: probes, the endpoints that programs call, and what pages fetch.

use bytes::Bytes;
use hyper::header;
use hyper::{Method, StatusCode};
use torana_core::limit::{HTTP_BODY_BYTES_COMPLETIONS_MAX, HTTP_BODY_BYTES_TOOLS_MAX};

use super::answer::{Answer, Checked, api_nothing, not_found, other_method, refuse};
use super::body;
use super::head::is_read;
use super::path::Route;
use super::pipeline::{Exchange, Pipeline, Visit};
use crate::context::AuthMode;
use crate::openai;
use crate::ops;
use crate::tools;

impl Pipeline {
    /// Answers a request that passed the checks that all have in common.
    pub(super) async fn dispatch(
        &self,
        visit: &Visit<'_>,
        exchange: &mut Exchange,
        route: Route,
    ) -> Checked<Answer> {
        let method = exchange.parts.method.clone();
        if let Some(allow) = wrong_verb(&route, &method) {
            return Ok(other_method(&method, allow));
        }
        match route {
            Route::Live => Ok(ops::live()),
            Route::Health => {
                let is_known = self.is_known(visit, exchange).await?;
                Ok(ops::health(&self.context, is_known))
            }
            Route::Ready => {
                let is_known = self.is_known(visit, exchange).await?;
                Ok(ops::ready(&self.context, is_known))
            }
            Route::Metrics => {
                self.authorise(visit, exchange).await?;
                Ok(ops::metrics(&self.context, self.seats.counts()).await)
            }
            Route::Models
            | Route::Model(_)
            | Route::ChatCompletions
            | Route::Responses
            | Route::Embeddings
            | Route::ToolsInvoke => self.api(visit, exchange, route).await,
            Route::UiConfig => self.ui_config(visit, exchange).await,
            Route::Capability(token, below) => self.by_address(exchange, &token, below).await,
            Route::Surface(below) => {
                self.authorise_reader(visit, exchange).await?;
                Ok(self.surface(exchange, below, false).await)
            }
            Route::Download(token) => self.download(visit, exchange, token).await,
            Route::ApiNothing => {
                self.authorise(visit, exchange).await?;
                Ok(api_nothing())
            }
            Route::Nothing => Ok(not_found()),
            Route::Other(path) if visit.front.control_ui => self.page(visit, exchange, &path).await,
            Route::Other(_) => Ok(not_found()),
        }
    }

    /// The endpoints programs call, each behind the gateway secret and its own switch.
    async fn api(
        &self,
        visit: &Visit<'_>,
        exchange: &mut Exchange,
        route: Route,
    ) -> Checked<Answer> {
        let is_off = match route {
            Route::ChatCompletions => !visit.front.chat_completions,
            Route::Responses => !visit.front.responses,
            _ => false,
        };
        if is_off {
            return Ok(not_found());
        }
        self.authorise(visit, exchange).await?;
        let context = &self.context;
        match route {
            Route::Models => return Ok(openai::models(context)),
            Route::Model(id) => return Ok(openai::model(context, &id)),
            _ => {}
        }
        let bytes_max = match route {
            Route::ToolsInvoke => HTTP_BODY_BYTES_TOOLS_MAX,
            _ => HTTP_BODY_BYTES_COMPLETIONS_MAX,
        };
        let bytes = self.read_json(visit, exchange, bytes_max).await?;
        let headers = &exchange.parts.headers;
        Ok(match route {
            Route::Responses => openai::responses(context, &self.runs, headers, bytes).await,
            Route::Embeddings => openai::embeddings(context, headers, &bytes).await,
            Route::ToolsInvoke => tools::invoke(&bytes),
            _ => openai::chat(context, &self.runs, headers, bytes).await,
        })
    }

    async fn read_json(
        &self,
        visit: &Visit<'_>,
        exchange: &mut Exchange,
        bytes_max: usize,
    ) -> Checked<Bytes> {
        // Without a bearer only the content type keeps a page's simple request out (S-066).
        let is_json = exchange
            .parts
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok());
        let is_json =
            is_json.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("application/json"));
        if visit.front.auth == AuthMode::None && !is_json {
            return refuse(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "invalid_request_error",
                "the body must be application/json",
            );
        }
        let Some(incoming) = exchange.body.take() else {
            return Ok(Bytes::new());
        };
        let world = self.context.engine.world();
        let read = body::read(&exchange.parts.headers, incoming, bytes_max, world).await;
        exchange.is_cut = read.is_err();
        read
    }
}

/// The methods of a path, when the request has another one. Pages decide for themselves.
fn wrong_verb(route: &Route, method: &Method) -> Option<&'static str> {
    match route {
        Route::Other(_) | Route::Nothing => None,
        Route::ChatCompletions | Route::Responses | Route::Embeddings | Route::ToolsInvoke => {
            (*method != Method::POST).then_some("POST")
        }
        Route::Live
        | Route::Health
        | Route::Ready
        | Route::Metrics
        | Route::Models
        | Route::Model(_)
        | Route::ApiNothing
        | Route::Capability(..)
        | Route::Surface(_)
        | Route::Download(_)
        | Route::UiConfig => (!is_read(method)).then_some("GET, HEAD"),
    }
}
