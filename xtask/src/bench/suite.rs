//! The suites: which parts belong together in one run and one table, and what the reader of the table has to know.

use std::fmt;
use std::path::PathBuf;

use clap::ValueEnum;
use fastcontainer_lab::{LabError, Profile, build_program};

use super::figures::Figures;
use super::{check, codebuild, floors, images, monorepo, preview, process};

const GENERAL: &[Part] = &[
    ("process", process::measure),
    ("preview", |figures| preview::measure(figures, 1.0)),
    ("images", images::measure),
];
const GENERAL_NOTES: &str = "\
Medians of alternating rounds. Beside process and preview figures: the docker-build provider 0.0.22; beside the others:
buildctl on the same daemon, tree and registry. Solve time: ours is the whole operation as the provider reports it
(fingerprint, look-up, build, push, verification, tag) without the CLI; buildctl's is its process less `buildctl --version`.
Context bytes are those of file contents; buildctl's are what the daemon reports less what it reports for an unchanged tree.";

const FINGERPRINT: &[Part] = &[
    ("floors", floors::measure),
    ("check", check::measure),
    ("preview", |figures| preview::measure(figures, 0.2)),
    ("monorepo", monorepo::measure),
];
const FINGERPRINT_NOTES: &str = "\
Medians of alternating rounds; every file is in the page cache, so that warm and cold are about our stat cache only.
walk: ignore file (13 patterns), walk and digest of the whole directory in one process; beside warm: getdents and one statx
per file; beside cold: getdents, then open, read and SHA-256 of every file; both with all threads of the same pool. `cold`
holds as much of the writing of the stat cache as happens before the answer.
Check + Diff: of one unchanged image, over gRPC, each time in a process of its own that has been started and configured
before; so `warm` holds the reading of the stat cache from disk, and `cold` has an empty cacheDir. Beside both: the
docker-build provider 0.0.22 on the same directory, which keeps no cache. Its state comes from a real Create; ours is what
its own Check returned, since its Diff reads nothing else.
preview, 20 images: what the images add to the preview of an empty stack; beside: the docker-build provider, the same.
preview, 1,000 images: the whole preview; beside: the same program with a provider that does nothing and keeps its inputs as
outputs. The images' state is adopted, not built: their content tags were given to one small image that was pushed.";

const CODEBUILD: &[Part] = &[
    ("builds", codebuild::builds),
    ("upload", codebuild::upload),
    ("sparse", codebuild::sparse),
];
const CODEBUILD_NOTES: &str = "\
One run each, through the real CLI, against the emulator's CodeBuild, whose builds execute nothing here.
builds: 50 images, each build in its BUILD phase for 20 s, maxParallelBuilds 50. After its end: from the end of a build, as
the emulator recorded it, to the moment when the engine had the resource in the state. Calls are those of the whole update.
upload, sparse: a context with one file of 1 GiB of random bytes, or of 5 GiB of zeroes. Sending is the time during which S3
had an open upload. Memory: the provider's peak less what it took when it was first seen.";

/// A part's name and how it is measured.
type Part = (&'static str, fn(&mut Figures));

/// What is measured in one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Suite {
    /// Start, memory, previews and builds.
    General,
    /// Finding out that nothing has changed.
    Fingerprint,
    /// Many builds on CodeBuild, and large contexts on their way there.
    Codebuild,
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::General => "general",
            Self::Fingerprint => "fingerprint",
            Self::Codebuild => "codebuild",
        })
    }
}

impl Suite {
    /// Builds the programs that only this suite needs. Inside a lab there is no network to build with.
    pub(super) fn build_programs(self) -> Result<(), LabError> {
        if self == Self::Fingerprint {
            for program in [floors::PROGRAM, monorepo::IDLE_PROVIDER] {
                build_program("floors", program, Profile::Release)?;
            }
        }
        Ok(())
    }

    /// Measures the parts whose name contains `only`, and prints the table.
    pub(super) fn measure(self, only: Option<&str>) -> Figures {
        let (parts, notes) = match self {
            Self::General => (GENERAL, GENERAL_NOTES),
            Self::Fingerprint => (FINGERPRINT, FINGERPRINT_NOTES),
            Self::Codebuild => (CODEBUILD, CODEBUILD_NOTES),
        };
        let mut figures = Figures::default();
        for (name, measure) in parts {
            if only.is_none_or(|only| name.contains(only)) {
                measure(&mut figures);
            }
        }
        figures.print(notes);
        figures
    }
}

/// Where the release build of a program of this workspace is: beside the folder of this one.
pub(super) fn built(program: &str) -> PathBuf {
    let this = std::env::current_exe().expect("this program has a path");
    let target = this.ancestors().nth(2).expect("cargo's target folder");
    target.join("release").join(program)
}
