//! What the command line says about a run.

/// What the command line says about a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct RunOptions {
    pub(crate) port: Option<u16>,
    pub(crate) bind: Option<String>,
    pub(crate) token: Option<String>,
    pub(crate) verbose: bool,
    /// Stop the gateway that holds the state directory first.
    pub(crate) force: bool,
}
