//! Buildspecs, version 0.2: reading one, strictly, and the order of its phases.
//!
//! Unknown members of `phases` and `env` are errors here although CodeBuild may overlook them. Artifacts, reports, caches
//! and batches are read past. `on-failure: RETRY…` is refused, as this emulator does not retry phases.
//! Follows "Build specification reference" of the CodeBuild user guide.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

/// Why a buildspec cannot be used; CodeBuild calls all of these `YAML_FILE_ERROR`.
#[derive(Debug, thiserror::Error)]
pub(super) enum BuildspecError {
    #[error("{0}")]
    Yaml(String),
    #[error("unknown buildspec version `{0}`; this emulator reads 0.2")]
    Version(String),
    #[error("buildspec has no phases with commands")]
    NoPhases,
    #[error("env.shell `{0}` is neither `sh` nor `bash`")]
    Shell(String),
    #[error("on-failure `{0}` is neither `ABORT` nor `CONTINUE`")]
    OnFailure(String),
    #[error("`{0}` is not the name of a variable")]
    Variable(String),
}

/// The phases that a buildspec can give commands for, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Install,
    PreBuild,
    Build,
    PostBuild,
}

impl Stage {
    pub(super) const ALL: [Self; 4] = [Self::Install, Self::PreBuild, Self::Build, Self::PostBuild];

    /// Name of the phase in a build record and in the log.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Install => "INSTALL",
            Self::PreBuild => "PRE_BUILD",
            Self::Build => "BUILD",
            Self::PostBuild => "POST_BUILD",
        }
    }
}

/// A buildspec.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Buildspec {
    version: String,
    #[serde(default)]
    pub(super) env: Environment,
    #[serde(default)]
    phases: Phases,
    #[serde(rename = "run-as")]
    _run_as: Option<IgnoredAny>,
    #[serde(rename = "proxy")]
    _proxy: Option<IgnoredAny>,
    #[serde(rename = "batch")]
    _batch: Option<IgnoredAny>,
    #[serde(rename = "reports")]
    _reports: Option<IgnoredAny>,
    #[serde(rename = "artifacts")]
    _artifacts: Option<IgnoredAny>,
    #[serde(rename = "cache")]
    _cache: Option<IgnoredAny>,
}

/// The member `env`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Environment {
    shell: Option<String>,
    #[serde(default)]
    pub(super) variables: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) parameter_store: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) secrets_manager: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) exported_variables: Vec<String>,
    #[serde(rename = "git-credential-helper")]
    _git_credential_helper: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Phases {
    install: Option<Phase>,
    pre_build: Option<Phase>,
    build: Option<Phase>,
    post_build: Option<Phase>,
}

/// One phase.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Phase {
    #[serde(default)]
    pub(super) commands: Vec<String>,
    #[serde(default)]
    pub(super) finally: Vec<String>,
    on_failure: Option<String>,
    #[serde(rename = "run-as")]
    _run_as: Option<IgnoredAny>,
    #[serde(rename = "runtime-versions")]
    _runtime_versions: Option<IgnoredAny>,
}

impl Buildspec {
    /// Reads a buildspec.
    pub(super) fn parse(text: &str) -> Result<Self, BuildspecError> {
        let spec: Self = serde_saphyr::from_str(text).map_err(|error| BuildspecError::Yaml(error.to_string()))?;
        if spec.version != "0.2" {
            return Err(BuildspecError::Version(spec.version));
        }
        if Stage::ALL.into_iter().all(|stage| spec.phase(stage).is_none()) {
            return Err(BuildspecError::NoPhases);
        }
        if let Some(shell) = spec
            .env
            .shell
            .as_deref()
            .filter(|shell| !matches!(*shell, "sh" | "bash"))
        {
            return Err(BuildspecError::Shell(shell.to_owned()));
        }
        let phases = Stage::ALL.into_iter().filter_map(|stage| spec.phase(stage));
        let mut policies = phases.filter_map(|phase| phase.on_failure.as_deref());
        if let Some(other) = policies.find(|policy| !matches!(*policy, "ABORT" | "CONTINUE")) {
            return Err(BuildspecError::OnFailure(other.to_owned()));
        }
        let env = &spec.env;
        let names = env
            .variables
            .keys()
            .chain(env.parameter_store.keys())
            .chain(env.secrets_manager.keys());
        if let Some(name) = names.chain(&env.exported_variables).find(|name| !is_variable(name)) {
            return Err(BuildspecError::Variable(name.clone()));
        }
        Ok(spec)
    }

    /// The program that runs commands.
    pub(super) fn shell(&self) -> &str {
        self.env.shell.as_deref().unwrap_or("sh")
    }

    /// What a phase does; nothing if it is not there.
    pub(super) fn phase(&self, stage: Stage) -> Option<&Phase> {
        match stage {
            Stage::Install => self.phases.install.as_ref(),
            Stage::PreBuild => self.phases.pre_build.as_ref(),
            Stage::Build => self.phases.build.as_ref(),
            Stage::PostBuild => self.phases.post_build.as_ref(),
        }
    }

    /// How many phases there are.
    pub(super) fn phase_count(&self) -> usize {
        Stage::ALL
            .into_iter()
            .filter(|stage| self.phase(*stage).is_some())
            .count()
    }

    /// Whether `next` runs after `failed` has failed.
    pub(super) fn goes_on(&self, failed: Stage, next: Stage) -> bool {
        match self.phase(failed).and_then(|phase| phase.on_failure.as_deref()) {
            Some("CONTINUE") => true,
            Some(_) => false,
            None => failed == Stage::Build && next == Stage::PostBuild,
        }
    }
}

/// Tells whether a shell can have a variable of this name.
pub(super) fn is_variable(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_keep_their_text_and_block_scalars_their_lines() {
        let spec = Buildspec::parse(
            "version: 0.2\nenv:\n  variables:\n    LEVEL: 1.10\nphases:\n  build:\n    commands:\n      - 'echo \"a: b\"'\n      - |\n        one\n        two\n",
        )
        .unwrap();
        assert_eq!(spec.env.variables["LEVEL"], "1.10");
        let phase = spec.phase(Stage::Build).unwrap();
        assert_eq!(phase.commands, ["echo \"a: b\"", "one\ntwo\n"]);
        assert_eq!((spec.shell(), spec.phase_count()), ("sh", 1));
    }

    #[test]
    fn documents_that_codebuild_refuses_are_refused() {
        for text in [
            "version: 0.2\nphases:\n  build:\n    commands:\n      - echo a: b\n",
            "version: 0.1\nphases:\n  build:\n    commands: [a]\n",
            "version: 0.2\nphases:\n  bild:\n    commands: [a]\n",
            "version: 0.2\n",
            "version: 0.2\nenv:\n  shell: fish\nphases:\n  build:\n    commands: [a]\n",
            "version: 0.2\nphases:\n  build:\n    on-failure: MAYBE\n    commands: [a]\n",
            "version: 0.2\nenv:\n  exported-variables: [a-b]\nphases:\n  build:\n    commands: [a]\n",
            "\tversion: 0.2",
        ] {
            assert!(Buildspec::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_a_failed_build_phase_is_followed_by_post_build_unless_told_otherwise() {
        let spec = |policy: &str| {
            Buildspec::parse(&format!(
                "version: 0.2\nphases:\n  pre_build:\n    {policy}\n    commands: [a]\n  build:\n    commands: [a]\n"
            ))
            .unwrap()
        };
        let plain = spec("finally: [b]");
        assert!(plain.goes_on(Stage::Build, Stage::PostBuild));
        assert!(!plain.goes_on(Stage::PreBuild, Stage::Build));
        assert!(spec("on-failure: CONTINUE").goes_on(Stage::PreBuild, Stage::Build));
        assert!(!spec("on-failure: ABORT").goes_on(Stage::PreBuild, Stage::Build));
    }
}
