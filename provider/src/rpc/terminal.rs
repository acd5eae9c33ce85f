//! Whether a person watches: the engine does not say, so the standard output of the process that started us is asked.

/// Whether the CLI's standard output is a terminal. `false` when it cannot be told.
#[cfg(target_os = "linux")]
pub(crate) fn is_interactive() -> bool {
    let stdout = format!("/proc/{}/fd/1", std::os::unix::process::parent_id());
    std::fs::read_link(stdout).is_ok_and(|to| to.starts_with("/dev/pts") || to.starts_with("/dev/tty"))
}

/// Whether the CLI's standard output is a terminal: assumed outside CI systems, all of which set `CI`.
#[cfg(not(target_os = "linux"))]
pub(crate) fn is_interactive() -> bool {
    std::env::var_os("CI").is_none()
}
