//! What to say about each error of an image, and what to do next.

use std::borrow::Cow;

use fastcontainer_build_context::ContextError;
use fastcontainer_buildkit::BuildError;
use fastcontainer_dockerfile::Platform;
use fastcontainer_property::Failure;
use tonic::Code;

use super::Report;
use super::codebuild::codebuild;
use super::registry::{aws_code, registry_failure};
use crate::backend::BackendError;
use crate::image::content::{ContentError, ContentProblem};
use crate::image::error::ImageError;
use crate::image::secrets::SecretError;
use crate::planning::reason::Reason;

/// What the kernel calls an "exec format error".
const FOREIGN_PROGRAM: &str = "the builder cannot run programs of this platform; use a builder of the platform in `platforms` \
     (`builder.local.address`), or install emulation (binfmt with QEMU) on the builder's machine";

/// Characters of a line of a step's output that are shown.
const READABLE: usize = 400;

impl From<&ImageError> for Report {
    fn from(error: &ImageError) -> Self {
        match error {
            ImageError::Content(problems) => content(problems),
            ImageError::ContentMoved { changes } => moved(error, changes.clone()),
            ImageError::BaseImagesUnknown { .. } => Self::new(Code::Unavailable, error)
                .hint("run it again when their registry answers, or set `baseImages: ignore`"),
            ImageError::BaseImageMoved => {
                Self::new(Code::FailedPrecondition, error).hint("run `pulumi up` again to see what it changes")
            }
            ImageError::Reference(_) => Self::new(Code::InvalidArgument, error),
            ImageError::Registry(failure) => registry_failure(failure),
            ImageError::Backend(failure) => backend(failure),
            ImageError::Build { source, platform, dockerfile, snippet, log } => {
                let mut report = backend(source);
                if let Some(platform) = platform {
                    report.headline = format!("{platform}: {}", report.headline);
                }
                if let Some(snippet) = snippet {
                    report.headline = format!("{}\n{dockerfile}:\n{snippet}", report.headline);
                }
                report.headline = format!("{}\nthe whole log is in {}", report.headline, log.display());
                report
            }
            ImageError::Secrets(problems) => secrets(problems),
            ImageError::ForeignTag { reference, .. } => Self::new(Code::FailedPrecondition, error).hint(format!(
                "content tags belong to this provider; remove the tag `{reference}` from the registry, then run `pulumi up` again"
            )),
            ImageError::OtherPlatforms { reference, .. } | ImageError::PlatformGone { reference, .. } => {
                Self::new(Code::FailedPrecondition, error).hint(format!(
                    "remove `{reference}` from the registry, then run `pulumi up` again: it builds the image anew; lifecycle \
                     rules must spare tags that begin with `fc-`"
                ))
            }
            ImageError::CannotRun { platform, .. } => Self::new(Code::FailedPrecondition, error).hint(format!(
                "install emulation on the builder's machine: `docker run --privileged --rm tonistiigi/binfmt --install {}`; or \
                 use a builder of that platform (`builder.local.address`, or AWS CodeBuild, which builds for ARM on ARM); or \
                 cross-compile in a stage `FROM --platform=$BUILDPLATFORM …`, which needs no emulation",
                Platform::normalise(platform).architecture
            )),
            ImageError::ImmutableTag { .. } => Self::new(Code::FailedPrecondition, error)
                .hint("make the tag mutable in the repository's settings, or remove it from `tags`"),
            ImageError::NoSuchImage { .. } => Self::new(Code::NotFound, error),
            ImageError::NotReadBack { .. } => Self::new(Code::Unavailable, error)
                .hint("run `pulumi up` again: it adopts the image as soon as the registry shows it"),
            ImageError::AfterPush { source, .. } => Self::from(&**source),
            ImageError::NoRandomness => Self::new(Code::Unavailable, error),
            ImageError::NotChecked => Self::new(Code::InvalidArgument, error)
                .hint("the content could not be read when the inputs were checked; see the messages above"),
            ImageError::Cancelled => Self::new(Code::Cancelled, error),
        }
    }
}

/// A problem on disk as a failed check of the input that names it.
pub fn content_problem(problem: &ContentProblem) -> Failure {
    let report = content_error(&problem.source);
    Failure {
        path: problem.property.clone(),
        reason: report.text(),
    }
}

fn content(problems: &[ContentProblem]) -> Report {
    let texts: Vec<_> = problems
        .iter()
        .map(|problem| content_error(&problem.source).text())
        .collect();
    let cancelled = problems.iter().any(ContentProblem::is_cancelled);
    Report::say(
        if cancelled {
            Code::Cancelled
        } else {
            Code::FailedPrecondition
        },
        texts.join("\n"),
    )
}

fn secrets(problems: &[SecretError]) -> Report {
    let hint = |problem: &SecretError| match problem {
        SecretError::VariableUnset { .. } => "set it where Pulumi runs, or use another reference in `secretRefs`",
        SecretError::FileUnreadable { .. } => "paths are relative to the directory that the program runs in",
        SecretError::TooLarge { .. } => "builders take no larger ones; let the step download it with a smaller secret",
        SecretError::Missing { .. } => "add it to `secretRefs` or `secrets`, or drop `required` from the mount",
    };
    let text = |problem: &SecretError| {
        Report::new(Code::FailedPrecondition, problem)
            .hint(hint(problem))
            .text()
    };
    let texts: Vec<_> = problems.iter().map(text).collect();
    Report::say(Code::FailedPrecondition, texts.join("\n"))
}

fn content_error(error: &ContentError) -> Report {
    let report = Report::new(Code::FailedPrecondition, error);
    let error = match error {
        ContentError::Context(error) => return context(error),
        ContentError::Dockerfile(error) => error,
    };
    Report {
        hint: error.hint.clone(),
        ..report
    }
}

pub(super) fn context(error: &ContextError) -> Report {
    let report = Report::new(Code::FailedPrecondition, error);
    match error {
        _ if error.is_not_found() => report.hint(
            "paths are relative to the directory that the program runs in; if another resource writes this directory, pass that resource's output as `context`",
        ),
        _ if error.is_denied() => {
            report.hint("make it readable for the user who runs Pulumi, or exclude it in .dockerignore")
        }
        _ if error.is_transient() => report.hint("run again when nothing writes into the context any more"),
        ContextError::Entries { .. } => report.hint("remove them from the context, or exclude them in .dockerignore"),
        _ => report,
    }
}

fn moved(error: &ImageError, changes: Vec<fastcontainer_build_context::Change>) -> Report {
    let mut report = Report::new(Code::FailedPrecondition, error)
        .hint("run `pulumi up` again: it shows what it will build now; if another resource writes this directory, pass its output as `context`");
    if !changes.is_empty() {
        report.causes.push(Reason::Files(changes.into()).to_string());
    }
    report
}

fn backend(error: &BackendError) -> Report {
    match error {
        BackendError::Build(error) => build(error),
        BackendError::Connect(_) => Report::new(Code::Unavailable, error).hint(
            "start Docker or buildkitd, or name an endpoint: `builder: {local: {address: …}}`, BUILDKIT_HOST or DOCKER_HOST",
        ),
        BackendError::Address(_) => Report::new(Code::InvalidArgument, error)
            .hint("addresses are unix://PATH, tcp://HOST:PORT, docker-container://NAME or ssh://USER@HOST"),
        BackendError::Credential(_) => Report::new(Code::Unauthenticated, error)
            .hint("log in with `docker login`, or set `registries` in the provider's configuration"),
        BackendError::CodeBuild(error) => codebuild(error),
        BackendError::Secret { source, .. } => {
            let report = Report::new(aws_code(source.kind()), error);
            match source.remedy() {
                Some(remedy) => report.hint(remedy),
                None => report,
            }
        }
        BackendError::Exposed { .. } => Report::new(Code::FailedPrecondition, error)
            .hint("reach the other machine's Docker by `ssh://USER@HOST`, or use a builder on this machine"),
        BackendError::Cancelled => Report::new(Code::Cancelled, error),
    }
}

/// The beginning of a line that is too long to be read; the log has all of it.
fn shortened(line: &str) -> Cow<'_, str> {
    match line.char_indices().nth(READABLE) {
        Some((end, _)) => Cow::Owned(format!("{}…", &line[..end])),
        None => Cow::Borrowed(line),
    }
}

pub(super) fn build(error: &BuildError) -> Report {
    let report = |code| Report::new(code, error);
    match error {
        BuildError::StepFailed { log_tail, .. } => {
            let mut report = report(Code::FailedPrecondition);
            for line in log_tail {
                report.headline.push_str("\n  | ");
                report.headline.push_str(&shortened(line));
            }
            if report.headline.contains("exec format error") {
                report.hint = Some(FOREIGN_PROGRAM.to_owned());
            }
            report
        }
        BuildError::Cancelled => report(Code::Cancelled),
        BuildError::Unavailable { .. } => {
            report(Code::Unavailable).hint("check that the builder still runs, then run `pulumi up` again")
        }
        BuildError::PushDenied { .. } => {
            report(Code::PermissionDenied).hint("check that the credentials in use may push to this repository")
        }
        BuildError::BaseImageUnavailable { .. } if error.is_denied() => report(Code::PermissionDenied).hint(
            "check the name of the image; for a private one log in with `docker login`, or set `registries` in the provider's configuration",
        ),
        BuildError::OutsideFingerprint { .. } => report(Code::FailedPrecondition).hint(
            "set `fingerprintMode: context`, so that the whole context counts; if no base image of this Dockerfile has ONBUILD \
             instructions, this is a defect of the provider: please report it with the Dockerfile",
        ),
        BuildError::ContextChanged { .. } => report(Code::FailedPrecondition)
            .hint("run `pulumi up` again when nothing writes into the context any more"),
        BuildError::Unsupported { .. } => report(Code::FailedPrecondition)
            .hint("use another builder (`builder.local.address`), or leave the input out"),
        _ => report(Code::FailedPrecondition),
    }
}
