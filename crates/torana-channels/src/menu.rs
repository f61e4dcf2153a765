//! What stands in a platform's menu.

/// A chat command for a platform's menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MenuCommand {
    /// Name without slash.
    pub name: String,
    /// One line for people.
    pub description: String,
}
