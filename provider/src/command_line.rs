//! `pulumi-resource-fastcontainer explain DIR [PATH…]`: which files count, for which step, and which do not and why.
//!
//! Reads the disk as Check does and asks nobody else: base images are not looked up. Returns text; `main` prints it.

use std::fmt::Write as _;
use std::path::{Component, Path, PathBuf};

use clap::{Args, Parser};
use tokio_util::sync::CancellationToken;

use fastcontainer_build_context::StatCache;
use fastcontainer_dockerfile::Platform;

use crate::image::content::Reading;
use crate::image::fingerprint::{GetFingerprintResult, StepFiles, take_apart};
use crate::image::inputs::ImageInputs;
use crate::planning::options::FingerprintMode;
use crate::report::content_problem;
use crate::untrusted::neutralise;

/// The commands for people; the engine gives an address instead.
#[derive(Debug, Parser)]
#[command(
    name = "pulumi-resource-fastcontainer",
    about,
    version,
    disable_help_subcommand = true
)]
pub enum CommandLine {
    /// Show which files of a build count in its fingerprint, and why.
    Explain(Explain),
    /// Print the schema of the package.
    Schema,
}

/// Arguments of `explain`; those that describe the build are inputs of `FastContainerImage` under the same names.
#[derive(Debug, Args)]
pub struct Explain {
    /// Directory of the build context.
    directory: String,
    /// Explain these files only: whether they count, who reads them, what an edit would run again.
    paths: Vec<String>,
    /// Path of the Dockerfile; default: `Dockerfile` in the context.
    #[arg(long, short)]
    file: Option<String>,
    /// Stage to build.
    #[arg(long)]
    target: Option<String>,
    /// Platform such as `linux/arm64`; may be repeated.
    #[arg(long = "platform", value_name = "PLATFORM", value_parser = platform)]
    platforms: Vec<String>,
    /// A build argument; may be repeated.
    #[arg(long = "build-arg", value_name = "NAME=VALUE", value_parser = pair)]
    build_args: Vec<(String, String)>,
    /// A named context; may be repeated.
    #[arg(long = "build-context", value_name = "NAME=DIRECTORY", value_parser = pair)]
    build_contexts: Vec<(String, String)>,
    /// Count the whole context.
    #[arg(long)]
    whole: bool,
    /// Print JSON, the result of the function `getFingerprint`.
    #[arg(long)]
    json: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    pair.map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| "must be `NAME=VALUE`".to_owned())
}

fn platform(text: &str) -> Result<String, String> {
    let platform = Platform::parse(text).map_err(|error| error.to_string())?;
    Ok(platform.to_string())
}

impl Explain {
    /// Explains; the answer is what to print.
    ///
    /// # Errors
    /// Everything that is wrong on disk, one line each.
    pub fn run(self) -> Result<String, String> {
        let (json, paths, context) = (self.json, self.paths.clone(), self.directory.clone());
        let inputs = self.inputs();
        let cancel = CancellationToken::new();
        let reading = Reading {
            stats: &StatCache::disabled(),
            cancel: &cancel,
        };
        let found = reading
            .gather(&inputs)
            .and_then(|content| take_apart(&inputs, &content, None, &cancel))
            .map_err(|problems| {
                let lines = problems.iter().map(|problem| content_problem(problem).reason);
                lines.collect::<Vec<_>>().join("\n")
            })?;
        if json {
            return serde_json::to_string_pretty(&found).map_err(|error| error.to_string());
        }
        if paths.is_empty() {
            return Ok(neutralise(&overview(&found)));
        }
        let paths = paths.iter().map(|path| about(&found, &inside(path, &context)));
        Ok(neutralise(&paths.collect::<Vec<_>>().join("\n")))
    }

    fn inputs(self) -> ImageInputs {
        let map = |pairs: Vec<(String, String)>| Some(pairs.into_iter().collect());
        ImageInputs {
            context: Some(self.directory),
            dockerfile: self.file,
            target: self.target,
            platforms: Some(self.platforms).filter(|platforms| !platforms.is_empty()),
            build_args: map(self.build_args),
            named_contexts: map(self.build_contexts),
            fingerprint_mode: self.whole.then_some(FingerprintMode::Context),
            ..ImageInputs::default()
        }
    }
}

/// A path as the context has it, however the shell completed it: one below the context, as seen from where the command
/// runs, or else one inside it already.
fn inside(path: &str, context: &str) -> String {
    let (inner, clean) = (clean(Path::new(path)), |path: &Path| {
        std::path::absolute(path).map(|path| clean(&path))
    });
    let below = match (clean(Path::new(path)), clean(Path::new(context))) {
        (Ok(path), Ok(context)) => path.strip_prefix(&context).ok().map(Path::to_owned),
        _ => None,
    };
    let exists = |inner: &Path| Path::new(context).join(inner).symlink_metadata().is_ok();
    let path = match below {
        Some(below) if exists(&below) || !exists(&inner) => below,
        _ => inner,
    };
    path.to_string_lossy().trim_start_matches('/').to_owned()
}

/// Without `.` and, as far as the words tell, without `..`.
fn clean(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut kept, part| {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(kept.pop()),
            other => kept.push(other),
        }
        kept
    })
}

fn overview(found: &GetFingerprintResult) -> String {
    let mut out = String::new();
    let fingerprint = &found.fingerprint;
    let _ = writeln!(out, "fingerprint {}", fingerprint.total);
    let _ = writeln!(
        out,
        "  context {} · dockerfile {} · options {}",
        fingerprint.context, fingerprint.dockerfile, fingerprint.options
    );
    let _ = match &found.fallback_reason {
        Some(reason) => writeln!(out, "mode {}, because {reason}", found.mode),
        None => writeln!(out, "mode {}", found.mode),
    };
    for step in &found.steps {
        let _ = writeln!(out, "\n{} (line {})", step.step, step.line);
        for file in &step.files {
            let _ = writeln!(out, "  {file}");
        }
    }
    let _ = match found.files.len() {
        1 => writeln!(out, "\n1 path counts"),
        count => writeln!(out, "\n{count} paths count"),
    };
    if !found.ignored.is_empty() {
        let _ = writeln!(out, "\nexcluded by the ignore file:");
    }
    for one in &found.ignored {
        let _ = writeln!(out, "  {}  (line {}: {})", one.path, one.line, one.rule);
    }
    out
}

/// Why one path counts or does not, and what an edit of it runs again.
fn about(found: &GetFingerprintResult, path: &str) -> String {
    let below = |file: &String| {
        path.is_empty() || file == path || file.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))
    };
    if !found.files.iter().any(below) {
        return does_not_count(found, path);
    }
    let readers: Vec<&StepFiles> = found.steps.iter().filter(|step| step.files.iter().any(below)).collect();
    let mut out = format!("{} counts\n", if path.is_empty() { "." } else { path });
    for step in &readers {
        let _ = writeln!(out, "  read by {} (line {})", step.step, step.line);
    }
    match (readers.first(), &found.fallback_reason) {
        (Some(first), _) => {
            let _ = writeln!(out, "  an edit runs again from {} on", first.step);
        }
        (None, Some(reason)) => {
            let _ = writeln!(out, "  the whole context counts: {reason}");
        }
        (None, None) => {
            let _ = writeln!(out, "  no step reads it; the whole context counts");
        }
    }
    out
}

fn does_not_count(found: &GetFingerprintResult, path: &str) -> String {
    let rule = found.ignored.iter().find(|one| {
        let directory = one.path.ends_with('/') && path.starts_with(&one.path);
        one.path.trim_end_matches('/') == path || directory
    });
    match rule {
        Some(one) => format!(
            "{path} does not count\n  line {} of the ignore file excludes it: {}\n",
            one.line, one.rule
        ),
        None => format!("{path} does not count\n  no step of the target reads it, or it does not exist\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::inside;

    #[test]
    fn a_path_is_found_in_the_context_however_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("src")).unwrap();
        let context = folder.path().to_str().unwrap();
        for path in ["src", "src/", "./src", "src/.", "x/../src"] {
            assert_eq!(inside(path, context), "src", "{path}");
            assert_eq!(
                inside(&format!("{context}/{path}"), &format!("{context}/.")),
                "src",
                "{path}"
            );
        }
        assert_eq!(inside(context, context), "");
        assert_eq!(inside("lib:/a", context), "lib:/a");
        assert_eq!(inside("gone", context), "gone");
    }
}
