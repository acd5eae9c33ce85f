//! Whether an endpoint can run programs of a platform.
//!
//! Builders list the platforms that their kernel runs: their own, and those that QEMU is registered for (binfmt_misc).
//! Official images of BuildKit also carry emulators of their own, which they do not list. So a platform that is not
//! listed is tried out: a build of a few bytes runs a program that does nothing but end.
//!
//! Follows containerd's rules of which platform covers which. Refuses to say "cannot" when the program was not even
//! started: a builder that has no time or no space says nothing about platforms.

use bollard_buildkit_proto::moby::buildkit::v1::{CacheOptions, SolveRequest};
use bollard_buildkit_proto::pb::{
    Definition, ExecOp, FileAction, FileActionMkFile, FileOp, Input, Meta, Mount, NetMode, Op, OpMetadata, Platform,
    file_action, op,
};
use prost::Message;
use sha2::{Digest, Sha256};

use crate::endpoint::Endpoint;
use crate::failure::BuildError;
use crate::program;
use crate::send_record::fresh_key;

/// How builders, of today and before 0.9, report a program that did not end with success. This one can fail for one
/// reason only; the kernel's own words, "exec format error", go to the output of the step.
const FAILED: [&str; 2] = ["did not complete successfully", "executor failed running"];
/// Where the program lies.
const PROGRAM: &str = "/program";

/// How an endpoint runs the programs of a platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Execution {
    /// On its own processor, as far as its list of platforms tells.
    Native,
    /// Under emulation.
    Emulated,
    /// Not at all.
    Missing,
}

impl Endpoint {
    /// Finds out how RUN steps of `platform` (in its canonical form) run here; asks the builder when its list does not
    /// tell.
    ///
    /// # Errors
    /// [`BuildError::Unavailable`] when the builder cannot be asked.
    pub async fn execution(&self, platform: &str) -> Result<Execution, BuildError> {
        if let Some(listed) = listed(&self.platforms, platform) {
            return Ok(listed);
        }
        let parsed = parse(platform);
        let Some(program) = program::that_ends(&parsed.architecture) else {
            // No way to find out; a build that fails for it says so.
            return Ok(Execution::Emulated);
        };
        let (mut control, _) = self.control().await.map_err(|source| BuildError::Unavailable {
            endpoint: self.to_string(),
            source,
        })?;
        match control.solve(trial(program, &parsed)).await {
            Err(status) if FAILED.iter().any(|words| status.message().contains(words)) => Ok(Execution::Missing),
            Err(status) => {
                tracing::debug!(%status, platform, "it is not known whether programs of the platform run");
                Ok(Execution::Emulated)
            }
            Ok(_) => Ok(Execution::Emulated),
        }
    }
}

/// What the list of a builder, whose own platform is the first, says of `platform`.
fn listed(platforms: &[String], platform: &str) -> Option<Execution> {
    let wanted = parse(platform);
    let own = parse(platforms.first()?).architecture;
    let mut covering = platforms
        .iter()
        .map(|one| parse(one))
        .filter(|one| covers(one, &wanted))
        .peekable();
    covering.peek()?;
    let native = covering.any(|one| one.architecture == own);
    Some(if native { Execution::Native } else { Execution::Emulated })
}

/// Whether whoever runs programs of `can` runs those of `wanted`.
fn covers(can: &Platform, wanted: &Platform) -> bool {
    let level = |platform: &Platform, default: u8| {
        let digits = platform.variant.trim_start_matches('v');
        digits.parse().unwrap_or(default)
    };
    can.os == wanted.os
        && match (can.architecture.as_str(), wanted.architecture.as_str()) {
            ("amd64", "386") | ("arm64", "arm") => true,
            ("amd64", "amd64") => level(can, 1) >= level(wanted, 1),
            ("arm64", "arm64") => level(can, 8) >= level(wanted, 8),
            ("arm", "arm") => level(can, 7) >= level(wanted, 7),
            (can, wanted) => can == wanted,
        }
}

fn parse(platform: &str) -> Platform {
    let mut parts = platform.splitn(3, '/').map(str::to_owned);
    Platform {
        os: parts.next().unwrap_or_default(),
        architecture: parts.next().unwrap_or_default(),
        variant: parts.next().unwrap_or_default(),
        ..Platform::default()
    }
}

/// A build that writes the program into an empty file system and runs it there. It exports nothing.
fn trial(program: Vec<u8>, platform: &Platform) -> SolveRequest {
    let write = FileAction {
        input: -1,
        secondary_input: -1,
        output: 0,
        action: Some(file_action::Action::Mkfile(FileActionMkFile {
            path: PROGRAM.to_owned(),
            mode: 0o755,
            data: program,
            owner: None,
            timestamp: 0,
        })),
    };
    let run = ExecOp {
        meta: Some(Meta {
            args: vec![PROGRAM.to_owned()],
            cwd: "/".to_owned(),
            ..Meta::default()
        }),
        mounts: vec![Mount {
            dest: "/".to_owned(),
            ..Mount::default()
        }],
        network: NetMode::None.into(),
        ..ExecOp::default()
    };
    let mut chain = Chain::default();
    chain.add(op::Op::File(FileOp { actions: vec![write] }), platform, false);
    chain.add(op::Op::Exec(run), platform, true);
    SolveRequest {
        r#ref: fresh_key(),
        definition: Some(chain.end()),
        cache: Some(CacheOptions::default()),
        ..SolveRequest::default()
    }
}

/// Steps of which each has the one before it as input.
#[derive(Default)]
struct Chain {
    definition: Definition,
    last: Option<String>,
}

impl Chain {
    fn add(&mut self, op: op::Op, platform: &Platform, follows: bool) {
        let inputs = if follows { self.input() } else { Vec::new() };
        self.push(Op {
            inputs,
            platform: Some(platform.clone()),
            op: Some(op),
            ..Op::default()
        });
    }

    /// The definition, which ends with a step that does nothing but name the result.
    fn end(mut self) -> Definition {
        let inputs = self.input();
        self.push(Op {
            inputs,
            ..Op::default()
        });
        self.definition
    }

    fn input(&self) -> Vec<Input> {
        let input = |digest: &String| Input {
            digest: digest.clone(),
            index: 0,
        };
        self.last.iter().map(input).collect()
    }

    fn push(&mut self, op: Op) {
        let bytes = op.encode_to_vec();
        let digest = format!("sha256:{}", hex::encode(Sha256::digest(&bytes)));
        self.definition.def.push(bytes);
        self.definition.metadata.insert(digest.clone(), OpMetadata::default());
        self.last = Some(digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(list: &[&str], platform: &str) -> Option<Execution> {
        let list: Vec<_> = list.iter().map(|one| (*one).to_owned()).collect();
        listed(&list, platform)
    }

    #[test]
    fn a_platform_of_the_same_processor_is_native() {
        let intel = ["linux/amd64", "linux/amd64/v2", "linux/amd64/v3", "linux/386"];
        for platform in ["linux/amd64", "linux/amd64/v3", "linux/386"] {
            assert_eq!(said(&intel, platform), Some(Execution::Native), "{platform}");
        }
        let arm = ["linux/arm64", "linux/arm/v7"];
        for platform in ["linux/arm64", "linux/arm/v7", "linux/arm/v6"] {
            assert_eq!(said(&arm, platform), Some(Execution::Native), "{platform}");
        }
    }

    #[test]
    fn a_listed_platform_of_another_processor_is_emulated() {
        let list = ["linux/amd64", "linux/arm64", "linux/s390x"];
        for platform in ["linux/arm64", "linux/s390x", "linux/arm/v7"] {
            assert_eq!(said(&list, platform), Some(Execution::Emulated), "{platform}");
        }
    }

    #[test]
    fn what_no_entry_covers_is_not_known() {
        let list = ["linux/amd64", "linux/amd64/v2", "linux/arm/v6"];
        for platform in [
            "linux/amd64/v3",
            "linux/arm64",
            "linux/arm/v7",
            "windows/amd64",
            "linux/riscv64",
        ] {
            assert_eq!(said(&list, platform), None, "{platform}");
        }
        assert_eq!(said(&[], "linux/amd64"), None);
    }

    #[test]
    fn the_trial_runs_what_it_has_written() {
        let request = trial(vec![1, 2, 3], &parse("linux/arm/v7"));
        let definition = request.definition.unwrap();
        let ops: Vec<_> = definition
            .def
            .iter()
            .map(|bytes| Op::decode(bytes.as_slice()).unwrap())
            .collect();
        let digest = |at: usize| format!("sha256:{}", hex::encode(Sha256::digest(&definition.def[at])));
        assert_eq!(ops.len(), 3);
        assert_eq!(
            (ops[1].inputs[0].digest.clone(), ops[2].inputs[0].digest.clone()),
            (digest(0), digest(1))
        );
        let platform = ops[1].platform.clone().unwrap();
        assert_eq!(
            (platform.architecture.as_str(), platform.variant.as_str()),
            ("arm", "v7")
        );
    }
}
