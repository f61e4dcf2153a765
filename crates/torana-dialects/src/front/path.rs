//! One reading of the request target for both routing and authority (S-020, S-026).
//!
//! The path is decoded once, segment by segment; what could be read in two ways is refused. Routes are an exact list.

/// Paths of the static pages may not look like an API, whatever the spelling: nobody should get a friendly 200 there.
const RESERVED: [&str; 14] = [
    "v1",
    "api",
    "hooks",
    "tools",
    "health",
    "healthz",
    "ready",
    "readyz",
    "live",
    "metrics",
    "__openclaw__",
    ".well-known",
    "webhook",
    "sessions",
];

/// Where files of conversations are, before their permission. The official page takes two steps there, no fewer and no
/// more (OpenClaw 2026.9.6, whose first one names a connection).
pub(crate) const DOWNLOADS: &str = "/api/artifacts/download/file/";

/// Why a target cannot be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadTarget;

/// Where a request goes. Everything not named here is a page of the Control UI, a webhook, or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    /// `/health`, `/healthz`.
    Health,
    /// `/ready`, `/readyz`.
    Ready,
    /// `/live`.
    Live,
    /// `/metrics`.
    Metrics,
    /// `/v1/models`.
    Models,
    /// `/v1/models/{id}`, decoded.
    Model(String),
    /// `/v1/chat/completions`.
    ChatCompletions,
    /// `/v1/responses`.
    Responses,
    /// `/v1/embeddings`.
    Embeddings,
    /// `/tools/invoke`.
    ToolsInvoke,
    /// `/__openclaw__/cap/{token}/…`: the token is the permission.
    Capability(Token, Surface),
    /// `/__openclaw__/canvas/…` and `/__openclaw__/a2ui/…` themselves.
    Surface(Surface),
    /// `/api/artifacts/download/file/{token}`: the same for a file.
    Download(Token),
    /// `/api/users/{id}/avatar`: known, and nothing is there.
    ApiNothing,
    /// `/__openclaw__/control-ui-config.json`.
    UiConfig,
    /// Reserved names without a route.
    Nothing,
    /// Anything else, as its normalised path.
    Other(String),
}

/// A permission in a path; hidden from whatever prints routes.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Token(pub(super) String);

impl std::fmt::Debug for Token {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Token(…)")
    }
}

/// What is looked at below a permission or with a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Surface {
    /// A file of the canvas, as its path below it.
    Canvas(String),
    /// A known place where nothing is: A2UI's own pages are another project's, and not in this build.
    Nothing,
}

/// Reads the path of an origin-form target.
pub(super) fn route(raw: &str) -> Result<Route, BadTarget> {
    let rest = raw.strip_prefix('/').ok_or(BadTarget)?;
    // Model ids contain slashes that clients escape.
    if let Some(id) = rest.strip_prefix("v1/models/") {
        let id = decode(id)?;
        let is_plain = !id.is_empty()
            && id
                .split('/')
                .all(|segment| !matches!(segment, "" | "." | ".."));
        return if is_plain {
            Ok(Route::Model(id))
        } else {
            Err(BadTarget)
        };
    }
    let path = normalise(rest)?;
    Ok(match path.as_str() {
        "/health" | "/healthz" => Route::Health,
        "/ready" | "/readyz" => Route::Ready,
        "/live" => Route::Live,
        "/metrics" => Route::Metrics,
        "/v1/models" => Route::Models,
        "/v1/chat/completions" => Route::ChatCompletions,
        "/v1/responses" => Route::Responses,
        "/v1/embeddings" => Route::Embeddings,
        "/tools/invoke" => Route::ToolsInvoke,
        "/__openclaw__/control-ui-config.json" => Route::UiConfig,
        _ if is_api_nothing(&path) => Route::ApiNothing,
        _ => match special(&path) {
            Some(route) => route,
            None if is_reserved(&path) => Route::Nothing,
            None => Route::Other(path),
        },
    })
}

/// The same below the prefix of the page, where the official one asks for files of conversations (OpenClaw 2026.9.6).
/// Nothing else is there twice.
pub(super) fn below(base_path: &str, route: Route) -> Route {
    let file = match &route {
        Route::Other(path) if !base_path.is_empty() => path.strip_prefix(base_path),
        _ => None,
    };
    match file.and_then(special) {
        Some(download @ Route::Download(_)) => download,
        _ => route,
    }
}

/// Decodes each segment; a segment must not contain what separates segments, and none may be empty but the last.
fn normalise(rest: &str) -> Result<String, BadTarget> {
    let mut path = String::with_capacity(rest.len() + 1);
    let mut segments = rest.split('/').peekable();
    while let Some(raw) = segments.next() {
        let segment = decode(raw)?;
        let is_last = segments.peek().is_none();
        if matches!(segment.as_str(), "." | "..")
            || segment.contains('/')
            || (segment.is_empty() && !is_last)
        {
            return Err(BadTarget);
        }
        path.push('/');
        path.push_str(&segment);
    }
    Ok(path)
}

/// Percent-decodes once. Control characters, backslashes and what is not UTF-8 are refused.
fn decode(raw: &str) -> Result<String, BadTarget> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digit = |at: usize| rest.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        let (high, low) = (digit(0).ok_or(BadTarget)?, digit(1).ok_or(BadTarget)?);
        bytes.push(u8::try_from(high * 16 + low).map_err(|_| BadTarget)?);
        rest = &rest[2..];
    }
    let text = String::from_utf8(bytes).map_err(|_| BadTarget)?;
    if text
        .chars()
        .any(|character| character.is_control() || character == '\\')
    {
        Err(BadTarget)
    } else {
        Ok(text)
    }
}

/// Percent-escapes all but what is reserved nowhere (RFC 3986, section 2.3).
pub(crate) fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
        escaped
    })
}

fn is_api_nothing(path: &str) -> bool {
    path.strip_prefix("/api/users/")
        .and_then(|rest| rest.strip_suffix("/avatar"))
        .is_some_and(|id| !id.is_empty() && !id.contains('/'))
}

/// Places that are looked at, with or without a permission in the path.
fn special(path: &str) -> Option<Route> {
    if let Some(token) = path.strip_prefix(DOWNLOADS) {
        return (!token.is_empty()).then(|| Route::Download(Token(token.to_owned())));
    }
    let Some(rest) = path.strip_prefix("/__openclaw__/cap/") else {
        return surface(path).map(Route::Surface);
    };
    let (token, _) = rest.split_once('/')?;
    let below = surface(&rest[token.len()..]).unwrap_or(Surface::Nothing);
    (!token.is_empty()).then(|| Route::Capability(Token(token.to_owned()), below))
}

fn surface(path: &str) -> Option<Surface> {
    if let Some(file) = path.strip_prefix("/__openclaw__/canvas/") {
        return Some(Surface::Canvas(file.to_owned()));
    }
    let is_a2ui = path == "/__openclaw__/a2ui" || path.starts_with("/__openclaw__/a2ui/");
    is_a2ui.then_some(Surface::Nothing)
}

fn is_reserved(path: &str) -> bool {
    let first = path[1..]
        .split(['/', ';', '%', ' '])
        .next()
        .unwrap_or_default();
    RESERVED
        .iter()
        .any(|name| first.trim_end_matches('.').eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod fuzz {
    #[test]
    fn path() {
        let corpus: [&[u8]; 3] = [b"/v1/models/a%2Fb", b"/panel/../v1/models", b"/%2e%2e/%00"];
        crate::front::tests::drive(&corpus, |bytes| {
            let text = String::from_utf8_lossy(bytes);
            if let Ok(super::Route::Other(path)) = super::route(&text) {
                let climbs = path.split('/').any(|segment| matches!(segment, "." | ".."));
                assert!(!climbs, "{path}");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn exact_paths_have_routes() {
        assert_eq!(route("/healthz"), Ok(Route::Health));
        assert_eq!(route("/v1/chat/completions"), Ok(Route::ChatCompletions));
        assert_eq!(
            route("/v1/models/openclaw%2Fmain"),
            Ok(Route::Model("openclaw/main".to_owned()))
        );
        assert_eq!(
            route("/v1/models/openclaw/main"),
            Ok(Route::Model("openclaw/main".to_owned()))
        );
        assert_eq!(
            route("/chat/main"),
            Ok(Route::Other("/chat/main".to_owned()))
        );
        assert_eq!(route("/"), Ok(Route::Other("/".to_owned())));
        assert_eq!(route("/%68ealth"), Ok(Route::Health));
    }

    #[test]
    fn surfaces_are_found_with_and_without_a_permission() {
        let canvas = |file: &str| Surface::Canvas(file.to_owned());
        let token = |text: &str| Token(text.to_owned());
        for (path, wanted) in [
            ("/__openclaw__/canvas/", Route::Surface(canvas(""))),
            (
                "/__openclaw__/canvas/documents/cv_1/index.html",
                Route::Surface(canvas("documents/cv_1/index.html")),
            ),
            ("/__openclaw__/a2ui/x.js", Route::Surface(Surface::Nothing)),
            ("/__openclaw__/a2ui", Route::Surface(Surface::Nothing)),
            (
                "/__openclaw__/cap/T/__openclaw__/canvas/a%20b.html",
                Route::Capability(token("T"), canvas("a b.html")),
            ),
            (
                "/__openclaw__/cap/T/healthz",
                Route::Capability(token("T"), Surface::Nothing),
            ),
            (
                "/__openclaw__/cap/T/",
                Route::Capability(token("T"), Surface::Nothing),
            ),
            (
                "/api/artifacts/download/file/T",
                Route::Download(token("T")),
            ),
            ("/api/artifacts/download/T", Route::Nothing),
            ("/__openclaw__/cap/T", Route::Nothing),
            ("/__openclaw__/cap/", Route::Nothing),
            ("/__openclaw__/canvas", Route::Nothing),
            ("/__openclaw__/canvasx/a", Route::Nothing),
            ("/api/artifacts/download/file/", Route::Nothing),
        ] {
            assert_eq!(route(path), Ok(wanted), "{path}");
        }
        for path in [
            "/__openclaw__/canvas/../x",
            "/__openclaw__/canvas/%2e%2e/x",
            "/__openclaw__/canvas/..%2fx",
            "/__openclaw__/canvas//x",
            "/__openclaw__/canvas/a%00",
            "/__openclaw__/canvas/a\\b",
            "/__openclaw__/cap/T/__openclaw__/canvas/./x",
            "/__openclaw__/cap/T/../canvas/x",
            "/__openclaw__/cap//canvas/x",
        ] {
            assert_eq!(route(path), Err(BadTarget), "{path}");
        }
        for (path, wanted) in [
            (
                "/ui/api/artifacts/download/file/T",
                Route::Download(token("T")),
            ),
            (
                "/uix/api/artifacts/download/file/T",
                Route::Other("/uix/api/artifacts/download/file/T".to_owned()),
            ),
            (
                "/ui/__openclaw__/canvas/a",
                Route::Other("/ui/__openclaw__/canvas/a".to_owned()),
            ),
            ("/ui/healthz", Route::Other("/ui/healthz".to_owned())),
        ] {
            assert_eq!(
                route(path).map(|route| below("/ui", route)),
                Ok(wanted),
                "{path}"
            );
        }
        let shown = format!("{:?}", route("/__openclaw__/cap/do-not-print/x"));
        assert!(!shown.contains("do-not-print"), "{shown}");
    }

    #[test]
    fn no_spelling_of_a_protected_path_becomes_a_page() {
        for path in [
            "/v1/models/",
            "/V1/models",
            "/v1/Models",
            "/v1/models;x=1",
            "/v1;x/models",
            "/v1.",
            "/v1./models",
            "/v1/",
            "/v1",
            "/v1/models%20",
            "/v1/chat/completions/",
            "/v1/chat",
            "/API/x",
            "/metrics/",
            "/Metrics",
            "/metrics;a",
            "/v1%2Fmodels",
            "/v1%252Fmodels",
            "//v1/models",
            "/./v1/models",
            "/x/../v1/models",
            "/%2e%2e/v1/models",
            "/v1\\models",
            "/v1%5Cmodels",
            "/v1/models%00",
            "/v1//models",
            "/v1/models/..",
            "/v1/models/../x",
            "/tools/Invoke",
            "/tools/invoke/",
            "/v1/responses/x",
            "/v1/Responses",
            "/api/users//avatar",
            "/api/users/a/b/avatar",
            "/api/unknown",
            "/__openclaw__/x",
            "/__openclaw__/../control-ui-config.json",
            "/v1%/models",
            "/v1%zz",
            "/%c0%ae%c0%ae/v1",
            "v1/models",
            "*",
            "",
        ] {
            let route = route(path);
            assert!(
                matches!(route, Err(BadTarget) | Ok(Route::Nothing)),
                "{path}: {route:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_normalised_path_has_nothing_left_to_climb(raw in "(/[a-z.%2eEfF5cC\\\\]{0,6}){0,6}") {
            if let Ok(Route::Other(path)) = route(&raw) {
                let climbs = path.split('/').any(|segment| matches!(segment, "." | ".."));
                prop_assert!(path.starts_with('/') && !climbs && !path.contains("//") && !path.contains('\\'));
            }
        }

        #[test]
        fn any_text_is_survived(raw in any::<String>()) {
            drop(route(&raw));
        }
    }
}
