//! `$include`: other files as parts of this one.
//!
//! A text replaces the object that holds it, a list is merged in order, and keys beside `$include` are merged last.
//! Objects merge key by key, lists are joined, anything else is replaced by the later value.
//! Which paths are allowed is the loader's business, because only it can follow links on a disk; here the counts are
//! bounded and cycles are named.

use super::document::{Member, Node, NodeKind, Origin, Sources};
use super::finding::Finding;
use super::parse;
use super::path::{KeyPath, Segment};

/// The key that names other files.
pub(crate) const INCLUDE_KEY: &str = "$include";

/// OpenClaw's documented bound on how deep includes nest.
const DEPTH_MAX: usize = 10;

/// OpenClaw's documented bound: paths must be shorter.
const PATH_LEN_MAX: usize = 4096;

/// How many files one configuration may consist of; lists of lists could otherwise multiply without end.
const FILES_MAX: usize = 256;

/// How much text all files may have together: eight of the largest.
const TOTAL_BYTES_MAX: usize = 8 * parse::TEXT_BYTES_MAX;

/// A file that a configuration asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IncludeRequest<'a> {
    /// The file that asks, as its loader named it; relative paths start in its folder.
    pub from: &'a str,
    /// The path as it is written.
    pub path: &'a str,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Included {
    /// The resolved path: two spellings of one file must give the same text, so that cycles are seen.
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// Reads one included file, or says why not; it enforces which folders are allowed.
pub type IncludeLoader<'a> = dyn Fn(&IncludeRequest<'_>) -> Result<Included, String> + 'a;

/// Expands every `$include` below a parsed root.
pub(crate) struct Expander<'a> {
    pub(crate) sources: &'a mut Sources,
    pub(crate) loader: &'a IncludeLoader<'a>,
    pub(crate) findings: Vec<Finding>,
    /// The files being expanded, from the main one to the innermost.
    stack: Vec<String>,
    files: usize,
    bytes: usize,
}

// === impl Expander ===

impl<'a> Expander<'a> {
    pub(crate) fn new(sources: &'a mut Sources, loader: &'a IncludeLoader<'a>, main: &str) -> Self {
        Self {
            sources,
            loader,
            findings: Vec::new(),
            stack: vec![main.to_owned()],
            files: 0,
            bytes: 0,
        }
    }

    pub(crate) fn expand(&mut self, node: Node, path: &mut KeyPath) -> Node {
        let at = node.at;
        match node.kind {
            NodeKind::List(items) => {
                let items = items
                    .into_iter()
                    .enumerate()
                    .map(|(index, item)| {
                        self.within(path, Segment::Index(index), |this, path| {
                            this.expand(item, path)
                        })
                    })
                    .collect();
                Node {
                    at,
                    kind: NodeKind::List(items),
                }
            }
            NodeKind::Object(members) => self.expand_object(at, members, path),
            kind => Node { at, kind },
        }
    }

    fn expand_object(&mut self, at: Origin, members: Vec<Member>, path: &mut KeyPath) -> Node {
        let mut include = None;
        let mut siblings = Vec::with_capacity(members.len());
        for member in members {
            if member.key == INCLUDE_KEY {
                include = Some(member.value);
            } else {
                let segment = Segment::Key(member.key.clone());
                let value =
                    self.within(path, segment, |this, path| this.expand(member.value, path));
                siblings.push(Member { value, ..member });
            }
        }
        let own = Node {
            at,
            kind: NodeKind::Object(siblings),
        };
        let Some(include) = include else { return own };
        let mut result: Option<Node> = None;
        for (written, written_at) in self.requested(&include, path) {
            if let Some(included) = self.include(&written, written_at, path) {
                result = Some(match result {
                    Some(before) => merge(before, included),
                    None => included,
                });
            }
        }
        match result {
            None => own,
            Some(result) if own.members().is_empty() => result,
            Some(result) if matches!(result.kind, NodeKind::Object(_)) => merge(result, own),
            Some(_) => {
                self.report(
                    at,
                    path,
                    "has keys beside `$include`, but the included file holds no object",
                );
                own
            }
        }
    }

    fn requested(&mut self, include: &Node, path: &KeyPath) -> Vec<(String, Origin)> {
        let items = match &include.kind {
            NodeKind::List(items) => items.as_slice(),
            _ => std::slice::from_ref(include),
        };
        let mut requested = Vec::new();
        for item in items {
            match item.text() {
                Some(text) => requested.push((text.to_owned(), item.at)),
                None => self.report(
                    item.at,
                    path,
                    "has an `$include` that is neither a path nor a list of paths",
                ),
            }
        }
        requested
    }

    fn include(&mut self, written: &str, at: Origin, path: &mut KeyPath) -> Option<Node> {
        if written.is_empty() || written.len() >= PATH_LEN_MAX || written.contains('\0') {
            self.report(
                at,
                path,
                "includes a path that is empty, too long or contains a NUL",
            );
            return None;
        }
        if self.stack.len() > DEPTH_MAX {
            self.report(
                at,
                path,
                format!("includes {written} more than {DEPTH_MAX} files deep"),
            );
            return None;
        }
        if self.files >= FILES_MAX {
            self.report(
                at,
                path,
                format!("includes {written}, but more than {FILES_MAX} files are already included"),
            );
            return None;
        }
        self.files += 1;
        let from = self.sources.name(at.source).to_owned();
        let included = match (self.loader)(&IncludeRequest {
            from: &from,
            path: written,
        }) {
            Ok(included) => included,
            Err(reason) => {
                self.report(at, path, format!("cannot include {written}: {reason}"));
                return None;
            }
        };
        if let Some(position) = self.stack.iter().position(|open| *open == included.path) {
            let mut cycle = self.stack[position..].to_vec();
            cycle.push(included.path);
            self.report(
                at,
                path,
                format!("includes itself in a circle: {}", cycle.join(" → ")),
            );
            return None;
        }
        self.bytes += included.text.len();
        if self.bytes > TOTAL_BYTES_MAX {
            self.report(
                at,
                path,
                format!("includes more than {TOTAL_BYTES_MAX} bytes in all"),
            );
            return None;
        }
        let text = parse::without_bom(&included.text);
        let source = self.sources.add(&included.path, text);
        match parse::parse(self.sources, source, text) {
            Ok(node) => {
                self.stack.push(included.path);
                let node = self.expand(node, path);
                self.stack.pop();
                Some(node)
            }
            Err(findings) => {
                self.findings.extend(findings);
                None
            }
        }
    }

    fn within<T>(
        &mut self,
        path: &mut KeyPath,
        segment: Segment,
        action: impl FnOnce(&mut Self, &mut KeyPath) -> T,
    ) -> T {
        path.push(segment);
        let result = action(self, path);
        path.pop();
        result
    }

    fn report(&mut self, at: Origin, path: &KeyPath, message: impl Into<String>) {
        self.findings
            .push(Finding::new(self.sources.place(at), path, message));
    }
}

/// The nesting of a tree, so that includes cannot build what one file may not hold.
pub(crate) fn depth(node: &Node) -> usize {
    let below = match &node.kind {
        NodeKind::List(items) => items.iter().map(depth).max(),
        NodeKind::Object(members) => members.iter().map(|member| depth(&member.value)).max(),
        NodeKind::Null | NodeKind::Bool(_) | NodeKind::Number(_) | NodeKind::Text { .. } => {
            return 0;
        }
    };
    below.unwrap_or(0) + 1
}

/// Objects key by key, lists joined, anything else the later value (observed with OpenClaw 2026.9).
fn merge(before: Node, after: Node) -> Node {
    let at = after.at;
    let kind = match (before.kind, after.kind) {
        (NodeKind::Object(mut members), NodeKind::Object(later)) => {
            for member in later {
                match members.iter().position(|known| known.key == member.key) {
                    Some(index) => {
                        let known = members.remove(index);
                        let value = merge(known.value, member.value);
                        members.insert(
                            index,
                            Member {
                                key: known.key,
                                key_at: member.key_at,
                                value,
                            },
                        );
                    }
                    None => members.push(member),
                }
            }
            NodeKind::Object(members)
        }
        (NodeKind::List(mut items), NodeKind::List(later)) => {
            items.extend(later);
            NodeKind::List(items)
        }
        (_, kind) => kind,
    };
    Node { at, kind }
}
