//! What an operation tells the user while it runs, independent of how it travels.

/// Receives the messages of one resource's operation. Nothing here ever fails: a message that cannot be delivered is lost.
pub trait Reporter: Send + Sync {
    /// A line that stays: shown under the resource and in the summary.
    fn info(&self, text: &str);
    /// A line that stays and is counted as a warning.
    fn warning(&self, text: &str);
    /// What is happening now; replaces the status before it. An empty text clears it.
    fn status(&self, text: &str);
}
