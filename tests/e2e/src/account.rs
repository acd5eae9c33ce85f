//! Who acts in the emulated account, with which rights, and where.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{CodeBuild, Project, Stack, admin, lab};

/// Where a project of CodeBuild is, and as whom its builds act.
#[derive(Debug, Clone)]
pub struct Place {
    /// Region.
    pub region: String,
    /// Name of the service role.
    pub role: String,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            region: "eu-central-1".to_owned(),
            role: "codebuild".to_owned(),
        }
    }
}

impl Place {
    /// In the usual region, with a role of its own.
    #[must_use]
    pub fn with_role(role: &str) -> Self {
        Self {
            role: role.to_owned(),
            ..Self::default()
        }
    }

    /// In another region.
    #[must_use]
    pub fn in_region(region: &str) -> Self {
        Self {
            region: region.to_owned(),
            ..Self::default()
        }
    }
}

/// A user or a role, and keys that act as it.
#[derive(Debug, Clone)]
pub struct Identity {
    name: String,
    environment: Vec<(&'static str, String)>,
}

impl Identity {
    /// A user with a long-lived key.
    #[must_use]
    pub fn user(name: &str) -> Self {
        Self::with_key(name, &admin("PUT", &format!("identity?name={name}")))
    }

    /// A user of another account.
    #[must_use]
    pub fn user_of(account: &str, name: &str) -> Self {
        Self::with_key(name, &admin("PUT", &format!("identity?name={name}&account={account}")))
    }

    fn with_key(name: &str, made: &Value) -> Self {
        let environment = [
            ("AWS_ACCESS_KEY_ID", "accessKeyId"),
            ("AWS_SECRET_ACCESS_KEY", "secretAccessKey"),
        ];
        Self {
            name: format!("user/{name}"),
            environment: environment
                .map(|(variable, member)| (variable, text(made, member)))
                .to_vec(),
        }
    }

    /// Calls AWS's own command-line interface with the keys of this identity.
    pub fn aws(&self, arguments: &[&str]) -> Value {
        crate::aws::aws_with(&self.environment, arguments)
    }

    /// A session of a role, with keys that end.
    #[must_use]
    pub fn session(role: &str) -> Self {
        let arn = format!("arn:aws:iam::123456789012:role/{role}");
        let made = crate::aws(&[
            "sts",
            "assume-role",
            "--role-arn",
            &arn,
            "--role-session-name",
            "session",
        ]);
        let environment = [
            ("AWS_ACCESS_KEY_ID", "AccessKeyId"),
            ("AWS_SECRET_ACCESS_KEY", "SecretAccessKey"),
            ("AWS_SESSION_TOKEN", "SessionToken"),
        ];
        let keys = &made["Credentials"];
        Self {
            name: format!("role/{role}"),
            environment: environment
                .map(|(variable, member)| (variable, text(keys, member)))
                .to_vec(),
        }
    }

    /// A role that others act as; it has no keys here.
    #[must_use]
    pub fn role(name: &str) -> Self {
        Self {
            name: format!("role/{name}"),
            environment: Vec::new(),
        }
    }

    /// The same stack, used by this identity.
    #[must_use]
    pub fn uses(&self, stack: &Stack) -> Stack {
        let environment = self.environment.iter();
        environment.fold(stack.clone(), |stack, (name, value)| stack.with(name, value))
    }

    /// Lets it do what the policy allows, and nothing else.
    ///
    /// # Panics
    /// When the emulator does not understand the policy.
    pub fn may(&self, policy: &Value) {
        let path = format!("policy?identity={}", self.name);
        let set = lab().emulator().admin_with("PUT", &path, policy);
        set.unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// Ends the keys of all sessions.
    pub fn end_sessions(&self) {
        admin("DELETE", &format!("sessions?identity={}", self.name));
    }

    /// The parameters that it has stored and that are still there.
    #[must_use]
    pub fn parameters_left(&self) -> Vec<String> {
        let decisions = admin("GET", &format!("decisions?identity={}", self.name));
        let all = decisions["decisions"].as_array().cloned().unwrap_or_default();
        let stored = all.iter().filter(|one| one["action"] == "ssm:PutParameter");
        let names = stored.filter_map(|one| Some(one["resource"].as_str()?.split_once(":parameter")?.1.to_owned()));
        let left = admin("GET", "leftovers");
        let left: Vec<_> = left["parameters"].as_array().into_iter().flatten().collect();
        names.filter(|name| left.iter().any(|one| *one == name)).collect()
    }

    /// The actions that it has asked for since the beginning, and whether they were allowed.
    #[must_use]
    pub fn decisions(&self) -> Vec<(String, bool)> {
        let decisions = admin("GET", &format!("decisions?identity={}", self.name));
        let all = decisions["decisions"].as_array().cloned().unwrap_or_default();
        all.iter()
            .map(|one| (text(one, "action"), one["allowed"] == json!(true)))
            .collect()
    }
}

impl CodeBuild {
    /// Waits until the only or newest build of the project is in a phase.
    #[track_caller]
    pub fn await_phase(&self, phase: &str) {
        let deadline = Instant::now() + Duration::from_secs(90);
        let is_there = |all: &Value| {
            let own = all["builds"].as_array().into_iter().flatten();
            let own = own.filter(|build| build["projectName"] == self.project);
            let newest = own.max_by_key(|build| build["buildNumber"].as_u64());
            newest.is_some_and(|build| build["currentPhase"] == phase)
        };
        while !is_there(&admin("GET", "codebuild/builds")) {
            assert!(Instant::now() < deadline, "no build in phase {phase}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Demands that nothing runs and nothing waits to be removed: no build, no part of an upload, no parameter of `caller`.
    #[track_caller]
    pub fn has_nothing_left(&self, caller: &Identity) {
        let running: Vec<_> = self
            .builds()
            .into_iter()
            .filter(|build| build["buildComplete"] != true)
            .collect();
        assert!(running.is_empty(), "{running:?}");
        let bucket = &admin("GET", "leftovers")["buckets"][&self.bucket];
        assert!(bucket.is_null() || bucket["uploads"] == json!([]), "{bucket}");
        assert_eq!(caller.parameters_left(), Vec::<String>::new());
    }
}

/// The policies that the documentation gives to who runs Pulumi and to the service role, for this project.
///
/// # Panics
/// When a document is not there.
#[must_use]
pub fn policies(codebuild: &CodeBuild, project: &Project) -> [Value; 2] {
    documents(
        codebuild,
        project,
        ["codebuild-caller.json", "codebuild-service-role.json"],
    )
}

/// The same with what a key `own` of KMS needs, which the bucket is encrypted with.
#[must_use]
pub fn policies_with_key(codebuild: &CodeBuild, project: &Project) -> [Value; 2] {
    let mut policies = policies(codebuild, project);
    let more = documents(
        codebuild,
        project,
        ["codebuild-caller-key.json", "codebuild-service-role-key.json"],
    );
    for (policy, mut more) in policies.iter_mut().zip(more) {
        let added = more["Statement"].as_array_mut().map(std::mem::take).unwrap_or_default();
        policy["Statement"].as_array_mut().expect("statements").extend(added);
    }
    policies
}

fn documents(codebuild: &CodeBuild, project: &Project, names: [&str; 2]) -> [Value; 2] {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/iam");
    let repository = format!("{}/api", project.name());
    let known = [
        ("REGION", "eu-central-1"),
        ("ACCOUNT", "123456789012"),
        ("BUCKET", &codebuild.bucket),
        ("PROJECT", &codebuild.project),
        ("REPOSITORY", &repository),
        ("key/KEY", "key/own"),
    ];
    names.map(|name| {
        let text = fs::read_to_string(folder.join(name)).expect("a document");
        let filled = known.iter().fold(text, |text, (name, value)| text.replace(name, value));
        serde_json::from_str(&filled).expect("JSON")
    })
}

fn text(of: &Value, member: &str) -> String {
    of[member]
        .as_str()
        .unwrap_or_else(|| panic!("no `{member}` in {of}"))
        .to_owned()
}
