//! A forge, where Git repositories are cloned from.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use e2e::lab;
use tempfile::TempDir;

/// A forge on this machine, until the value goes. Its address has no port: the CLI makes folders of addresses, and Python takes none
/// with a colon.
pub(crate) struct Forge {
    repositories: TempDir,
    server: Child,
}

impl Forge {
    pub(crate) fn start() -> Self {
        let repositories = TempDir::new().expect("a directory");
        let tls = lab().directory().join("tls");
        let mut server = Command::new("python3")
            .args(["-c", include_str!("forge.py")])
            .arg(repositories.path())
            .args(["server.pem", "server-key.pem"].map(|name| tls.join(name)))
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python");
        let said = server.stdout.take().expect("standard output");
        let ready = BufReader::new(said).lines().next();
        assert!(ready.is_some(), "the forge did not start");
        Self { repositories, server }
    }

    /// Makes the files of a folder a repository with one commit; the answer is its address.
    pub(crate) fn publish(&self, folder: &Path) -> String {
        let git = |arguments: &[&str]| {
            let identity = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.com"];
            let status = Command::new("git")
                .current_dir(folder)
                .args(identity)
                .args(arguments)
                .status();
            assert!(status.expect("git").success(), "git {arguments:?}");
        };
        let bare = self.repositories.path().join("owner/provider.git");
        git(&["init", "--quiet"]);
        git(&["add", "."]);
        git(&["commit", "--quiet", "--message", "everything"]);
        git(&["clone", "--quiet", "--bare", ".", bare.to_str().expect("a path")]);
        "https://localhost/owner/provider".to_owned()
    }
}

impl Drop for Forge {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
