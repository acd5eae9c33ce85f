//! The Pulumi CLI on one stack.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// What one call of the CLI did.
#[derive(Debug, Clone)]
pub struct Run {
    /// The arguments.
    pub command: String,
    /// Whether it succeeded.
    pub success: bool,
    /// Standard output and standard error.
    pub text: String,
    /// How long it took.
    pub took: Duration,
}

impl Run {
    /// Demands success.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert!(self.success, "`{}` failed:\n{}", self.command, self.text);
        self
    }

    /// Demands failure.
    #[track_caller]
    pub fn fails(self) -> Self {
        assert!(!self.success, "`{}` succeeded:\n{}", self.command, self.text);
        self
    }

    /// Demands that the output contains `part`.
    #[track_caller]
    pub fn says(self, part: &str) -> Self {
        assert!(
            self.text.contains(part),
            "`{}` does not say `{part}`:\n{}",
            self.command,
            self.text
        );
        self
    }

    /// Demands that the output does not contain `part`.
    #[track_caller]
    pub fn never_says(self, part: &str) -> Self {
        assert!(
            !self.text.contains(part),
            "`{}` says `{part}`:\n{}",
            self.command,
            self.text
        );
        self
    }
}

/// A stack of a project.
#[derive(Debug, Clone)]
pub struct Stack {
    directory: PathBuf,
    name: String,
    environment: Vec<(String, String)>,
    without: Vec<String>,
}

impl Stack {
    /// Makes a stack of the project in `directory`.
    #[must_use]
    pub fn init(directory: &Path, name: &str) -> Self {
        let stack = Self {
            directory: directory.to_owned(),
            name: name.to_owned(),
            environment: Vec::new(),
            without: Vec::new(),
        };
        let mut arguments = vec!["stack", "init", name];
        let provider = std::env::var("FASTCONTAINER_SECRETS_PROVIDER");
        if let Ok(provider) = &provider {
            arguments.extend(["--secrets-provider", provider]);
        }
        stack.run(&arguments).ok();
        stack
    }

    /// The same stack seen from another checkout of the project.
    #[must_use]
    pub fn from(&self, directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            ..self.clone()
        }
    }

    /// Another stack of the same project that exists already.
    #[must_use]
    pub fn named(&self, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..self.clone()
        }
    }

    /// The same stack with one more environment variable.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut stack = self.clone();
        stack.environment.push((name.to_owned(), value.to_owned()));
        stack
    }

    /// The same stack without an environment variable.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        let mut stack = self.clone();
        stack.without.push(name.to_owned());
        stack
    }

    /// `pulumi preview` with more arguments.
    pub fn preview(&self, arguments: &[&str]) -> Run {
        self.run(&[&["preview", "--stack", &self.name], arguments].concat())
    }

    /// `pulumi up` with more arguments.
    pub fn up(&self, arguments: &[&str]) -> Run {
        self.run(&[&["up", "--yes", "--skip-preview", "--stack", &self.name], arguments].concat())
    }

    /// `pulumi refresh` with more arguments.
    pub fn refresh(&self, arguments: &[&str]) -> Run {
        self.run(
            &[
                &["refresh", "--yes", "--skip-preview", "--stack", &self.name],
                arguments,
            ]
            .concat(),
        )
    }

    /// `pulumi destroy`.
    pub fn destroy(&self) -> Run {
        self.run(&["destroy", "--yes", "--skip-preview", "--stack", &self.name])
    }

    /// Any command of the CLI in the project's directory.
    pub fn run(&self, arguments: &[&str]) -> Run {
        let started = Instant::now();
        let output = self.command(arguments).output().expect("the Pulumi CLI");
        let text = [output.stdout, output.stderr].concat();
        Run {
            command: format!("pulumi {}", arguments.join(" ")),
            success: output.status.success(),
            text: String::from_utf8_lossy(&text).into_owned(),
            took: started.elapsed(),
        }
    }

    /// Starts a command of the CLI in a process group of its own and goes on.
    #[must_use]
    pub fn spawn(&self, arguments: &[&str]) -> Child {
        use std::os::unix::process::CommandExt;
        let mut command = self.command(&[arguments, &["--stack", &self.name]].concat());
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("the Pulumi CLI")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("pulumi");
        command
            .args(arguments)
            .args(["--non-interactive", "--color=never"])
            .current_dir(&self.directory);
        command
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        for name in &self.without {
            command.env_remove(name);
        }
        command
    }

    /// The stack's outputs, secrets shown.
    #[must_use]
    pub fn outputs(&self) -> Value {
        let run = self
            .run(&["stack", "output", "--json", "--show-secrets", "--stack", &self.name])
            .ok();
        serde_json::from_str(&run.text).unwrap_or_else(|error| panic!("{error}:\n{}", run.text))
    }

    /// One output as text.
    #[must_use]
    pub fn output(&self, name: &str) -> String {
        let outputs = self.outputs();
        outputs[name]
            .as_str()
            .unwrap_or_else(|| panic!("no output `{name}` in {outputs}"))
            .to_owned()
    }

    /// The exported state, as it is stored.
    #[must_use]
    pub fn state(&self) -> Value {
        let run = self.run(&["stack", "export", "--stack", &self.name]).ok();
        serde_json::from_str(&run.text).unwrap_or_else(|error| panic!("{error}:\n{}", run.text))
    }

    /// The resource with this logical name in the state.
    #[must_use]
    pub fn resource(&self, name: &str) -> Option<Value> {
        let state = self.state();
        let resources = state["deployment"]["resources"].as_array().cloned().unwrap_or_default();
        resources.into_iter().find(|one| {
            one["urn"]
                .as_str()
                .is_some_and(|urn| urn.ends_with(&format!("::{name}")))
        })
    }
}
