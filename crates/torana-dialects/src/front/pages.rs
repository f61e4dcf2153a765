//! What a browser is shown: the page and its configuration, pictures of agents, the canvas, files of conversations.

use hyper::{Method, StatusCode};
use torana_core::id::AgentId;

use super::answer::{Answer, Checked, api_nothing, json, not_found, other_method};
use super::authority::unauthorized;
use super::avatar::{self, Avatar};
use super::head::{is_read, refuse_foreign_page};
use super::path::{Surface, Token};
use super::pipeline::{Exchange, Pipeline, Visit};
use super::static_ui::PageRequest;
use super::surface::{self, Look};
use crate::openclaw::ui_config;

impl Pipeline {
    /// The page, and what it fetches beside its files.
    pub(super) async fn page(
        &self,
        visit: &Visit<'_>,
        exchange: &Exchange,
        path: &str,
    ) -> Checked<Answer> {
        let method = &exchange.parts.method;
        let below = path.strip_prefix(visit.front.base_path.as_str());
        let is_config = below == Some("/control-ui-config.json");
        let avatar = below.and_then(|below| below.strip_prefix("/avatar/"));
        let is_fetched = is_config || avatar.is_some();
        if method == Method::OPTIONS || (is_fetched && !is_read(method)) {
            return Ok(other_method(method, "GET, HEAD"));
        }
        if is_config {
            return self.ui_config(visit, exchange).await;
        }
        if let Some(id) = avatar {
            return self.avatar(visit, exchange, id).await;
        }
        let site = match &visit.front.ui_folder {
            Some(folder) => folder.site.as_ref(),
            None => &self.site,
        };
        Ok(site.answer(&PageRequest {
            method,
            path,
            headers: &exchange.parts.headers,
            host: &visit.peer.host,
            base_path: &visit.front.base_path,
            is_tls: visit.link.is_tls,
            stage_port: self.dialect.stage().port(),
        }))
    }

    /// What the page must know before it connects.
    pub(super) async fn ui_config(
        &self,
        visit: &Visit<'_>,
        exchange: &Exchange,
    ) -> Checked<Answer> {
        if !visit.front.control_ui {
            return Ok(not_found());
        }
        refuse_foreign_page(&exchange.parts.headers, visit.peer)?;
        self.authorise_page(visit, exchange).await?;
        Ok(ui_config(&self.context, visit.front).await)
    }

    /// The picture of an agent, as a file or with `?meta=1` what is known of it. Tags of pictures cannot bring a token,
    /// so a page fetches it like everything else.
    async fn avatar(&self, visit: &Visit<'_>, exchange: &Exchange, id: &str) -> Checked<Answer> {
        self.authorise_reader(visit, exchange).await?;
        let known = AgentId::new(id).ok();
        let settings = self.context.engine.settings();
        let Some(agent) = known.filter(|agent| settings.agents.contains_key(agent)) else {
            return Ok(not_found());
        };
        let found = avatar::find(&self.context, &agent).await;
        let query = exchange.parts.uri.query().unwrap_or_default();
        if query.split('&').any(|pair| pair == "meta=1") {
            return Ok(json(
                StatusCode::OK,
                &found.meta(&visit.front.base_path, &agent),
            ));
        }
        let (method, headers) = (&exchange.parts.method, &exchange.parts.headers);
        Ok(match found {
            Avatar::File { kind, file, .. } => surface::picture(file, kind, method, headers),
            Avatar::Data(address) => match avatar::written_out(&address) {
                Some((kind, bytes)) => surface::drawn(kind, bytes, method, headers),
                None => not_found(),
            },
            Avatar::Unset | Avatar::Text(_) | Avatar::Remote(_) | Avatar::Unusable { .. } => {
                not_found()
            }
        })
    }

    /// What lies behind an address that is its own permission.
    pub(super) async fn by_address(
        &self,
        exchange: &Exchange,
        token: &Token,
        below: Surface,
    ) -> Checked<Answer> {
        if !self.dialect.opens_canvas(&token.0) {
            return unauthorized();
        }
        Ok(self.surface(exchange, below, true).await)
    }

    /// The canvas, or nothing.
    pub(super) async fn surface(
        &self,
        exchange: &Exchange,
        below: Surface,
        by_address: bool,
    ) -> Answer {
        let look = Look {
            method: &exchange.parts.method,
            headers: &exchange.parts.headers,
            by_address,
        };
        match below {
            Surface::Canvas(path) => surface::canvas(&self.context, &path, &look).await,
            Surface::Nothing => not_found(),
        }
    }

    /// A file of a conversation by its address. Whoever has a credential instead learns that there is no such address.
    pub(super) async fn download(
        &self,
        visit: &Visit<'_>,
        exchange: &Exchange,
        token: Token,
    ) -> Checked<Answer> {
        let Some(media) = self.dialect.download(&token.0) else {
            refuse_foreign_page(&exchange.parts.headers, visit.peer)?;
            self.authorise(visit, exchange).await?;
            return Ok(api_nothing());
        };
        let look = Look {
            method: &exchange.parts.method,
            headers: &exchange.parts.headers,
            by_address: true,
        };
        Ok(surface::download(&self.context, &self.files, &media, &look).await)
    }
}
