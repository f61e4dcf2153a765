//! Makes the page of an operator's own Control UI ready to be served: the marks it reads, and the hashes of the scripts
//! that stand in it (S-062, control decision 29).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest, Sha256};

/// The page of an operator's folder, ready to be served.
pub(super) struct Dressed {
    /// The page with its marks.
    pub(super) page: String,
    /// Sources of the script policy: a hash for each inline script.
    pub(super) script_hashes: String,
}

/// Puts in the marks the page reads (OpenClaw 2026.9.6): where it lives, and that there is no terminal.
pub(super) fn dress(page: &str, base_path: &str) -> Dressed {
    // Built with relative paths, so that any prefix works; a deep link needs them from the root.
    let page = page.replace("=\"./", &format!("=\"{base_path}/"));
    let marks = format!(
        " data-openclaw-control-ui-base-path=\"{base_path}\" data-openclaw-terminal-enabled=\"false\""
    );
    let at = page.to_ascii_lowercase().find("<html").map(|at| at + 5);
    let page = match at {
        Some(at) => format!("{}{marks}{}", &page[..at], &page[at..]),
        None => page,
    };
    let script_hashes = inline_scripts(&page)
        .iter()
        .map(|script| {
            let hash = BASE64.encode(Sha256::digest(script.as_bytes()));
            format!(" 'sha256-{hash}'")
        })
        .collect();
    Dressed {
        page,
        script_hashes,
    }
}

/// The text of every script element that has no source.
fn inline_scripts(page: &str) -> Vec<&str> {
    let lower = page.to_ascii_lowercase();
    let (mut scripts, mut at) = (Vec::new(), 0);
    while let Some(open) = lower[at..].find("<script").map(|found| at + found) {
        let Some(begin) = lower[open..].find('>').map(|found| open + found + 1) else {
            break;
        };
        let Some(end) = lower[begin..].find("</script").map(|found| begin + found) else {
            break;
        };
        let has_source = lower[open..begin]
            .split_ascii_whitespace()
            .any(|word| word.starts_with("src=") || word == "src");
        if !has_source {
            scripts.push(&page[begin..end]);
        }
        at = end;
    }
    scripts
}

/// The value of an attribute, where it has one.
pub(super) fn attribute<'a>(page: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = page.split_once(&format!("{name}=\""))?;
    rest.split('"').next().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_gets_its_marks_and_every_inline_script_its_hash() {
        let page = "<!doctype html><HTML lang=\"en\" data-openclaw-control-ui-build-id=\"b1\"><script>let a = 1</script>\
                    <script type=\"module\" src=\"./assets/a.js\"></script><script >go()</script></html>";
        let dressed = dress(page, "/ui");
        assert!(
            dressed.page.contains("<HTML data-openclaw-control-ui-base-path=\"/ui\" data-openclaw-terminal-enabled=\"false\" lang=\"en\""),
            "{}",
            dressed.page
        );
        assert!(dressed.page.contains("src=\"/ui/assets/a.js\""));
        let hash = |script: &str| BASE64.encode(Sha256::digest(script.as_bytes()));
        let wanted = format!(" 'sha256-{}' 'sha256-{}'", hash("let a = 1"), hash("go()"));
        assert_eq!(dressed.script_hashes, wanted);
        let build = attribute(&dressed.page, "data-openclaw-control-ui-build-id");
        assert_eq!(build, Some("b1"));
    }

    #[test]
    fn a_broken_page_breaks_nothing() {
        for page in [
            "",
            "<html",
            "<script",
            "<script>",
            "<script></scrip",
            "<İhtml><script>x",
        ] {
            drop(dress(page, ""));
        }
    }
}
