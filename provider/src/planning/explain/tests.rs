//! Each difference alone and several together, with a full list of files, with the state only, and with neither.

use std::collections::BTreeMap;

use fastcontainer_build_context::{ChangeKind, ContentId, Entry, EntryKind};

use super::*;
use crate::planning::fingerprint::{ContentDigests, dockerfile_digest as instructions_digest};
use crate::planning::forecast::Forecast;
use crate::planning::reason::{announcement, sentence};
use crate::planning::record::{InstructionText, NamedEntries, StepKey, compose, shortened};

/// A project as plain values.
#[derive(Clone)]
struct Project {
    files: BTreeMap<String, String>,
    assets: Option<BTreeMap<String, String>>,
    ignore: Option<String>,
    dockerfile: String,
    base: String,
    options: BuildOptions,
    /// What counts of the base images, when they are tracked.
    tracked: Option<[u8; 32]>,
    version: u32,
}

fn project() -> Project {
    let files = ["src/a.py", "src/old.py", "lib/b.py", "requirements.lock", "readme"];
    Project {
        files: files.map(|path| (path.to_owned(), "1".to_owned())).into(),
        assets: None,
        ignore: None,
        dockerfile: "FROM python:3.12-slim\n# a comment\nCOPY requirements.lock /\nCOPY src /app\nRUN make".to_owned(),
        base: format!("sha256:{}", "1a".repeat(32)),
        options: BuildOptions::default(),
        tracked: None,
        version: 1,
    }
}

fn entries(files: &BTreeMap<String, String>) -> Vec<Entry> {
    let entry = |(path, content): (&String, &String)| Entry {
        path: path.clone(),
        kind: EntryKind::File {
            size: content.len() as u64,
            executable: false,
            content: ContentId::of(content.as_bytes()),
        },
        mtime_ns: 0,
    };
    files.iter().map(entry).collect()
}

fn digest(text: &str) -> [u8; 32] {
    *ContentId::of(text.as_bytes()).as_bytes()
}

/// Instructions of a Dockerfile, one a line.
fn instructions(dockerfile: &str) -> Vec<InstructionText<'_>> {
    let lines = dockerfile
        .lines()
        .enumerate()
        .filter(|(_, text)| !text.starts_with('#'));
    lines.map(|(at, text)| InstructionText { line: at + 1, text }).collect()
}

impl Project {
    fn fingerprint(&self) -> Fingerprint {
        let content = ContentDigests {
            context: digest(&format!("{:?}", self.files)),
            dockerfile: instructions_digest(instructions(&self.dockerfile).iter().map(|one| one.text)),
            base_images: self.tracked,
        };
        let mut fingerprint = Fingerprint::compute(&content, &self.options);
        fingerprint.version = self.version;
        fingerprint.total = format!("{fingerprint:?} {:?} {}", self.assets, self.base);
        fingerprint
    }

    /// Keys as a builder has them: each step stands on those before it and on what it copies.
    fn steps(&self) -> Vec<StepKey> {
        let (mut key, mut steps) = (self.base.clone(), Vec::new());
        let instructions = instructions(&self.dockerfile);
        for (at, one) in instructions.iter().enumerate() {
            let source = one.text.strip_prefix("COPY ").and_then(|rest| rest.split(' ').next());
            let read = self
                .files
                .iter()
                .filter(|(path, _)| source.is_some_and(|source| path.starts_with(source)));
            key = format!(
                "{:?}",
                digest(&format!("{key} {} {:?}", one.text, read.collect::<Vec<_>>()))
            );
            steps.push(StepKey {
                label: format!("[{}/{}] {}", at + 1, instructions.len(), one.text),
                key: digest(&key)[..8].try_into().unwrap(),
            });
        }
        steps
    }

    fn with_parts<T>(&self, use_parts: impl FnOnce(&RecordParts<'_>) -> T) -> T {
        let assets = self.assets.as_ref().map(entries);
        let named = assets.iter().map(|entries| {
            let digest = digest(&format!("{:?}", self.assets));
            ("assets".to_owned(), NamedEntries { digest, entries })
        });
        use_parts(&RecordParts {
            context: &entries(&self.files),
            named_contexts: &named.collect(),
            ignore_file: self.ignore.as_deref().map(str::as_bytes),
            dockerfile: self.dockerfile.as_bytes(),
            instructions: &instructions(&self.dockerfile),
            steps: &self.steps(),
            base_images: &shortened(&[("python:3.12-slim".to_owned(), self.base.clone())].into()),
        })
    }

    fn record(&self) -> ContentRecord {
        let text = self.with_parts(|parts| compose(&self.options, parts)).encode();
        ContentRecord::decode(&text).unwrap()
    }
}

/// What is said on a machine that knows the state, and what it knows besides.
fn said(
    old: &Project,
    new: &Project,
    record: Option<&ContentRecord>,
    changes: Option<Vec<Change>>,
) -> (String, String) {
    let (old_fingerprint, new_fingerprint) = (old.fingerprint(), new.fingerprint());
    new.with_parts(|parts| {
        let old = Old {
            fingerprint: &old_fingerprint,
            options: &old.options,
            record,
        };
        let new = New {
            fingerprint: &new_fingerprint,
            options: &new.options,
            content: record.is_some().then_some(parts),
        };
        let reasons = explain(old, new, changes);
        (
            sentence(&reasons),
            announcement(&reasons, Forecast::of(old, new).as_ref()),
        )
    })
}

/// With the state only.
fn causes(old: &Project, new: &Project) -> String {
    said(old, new, Some(&old.record()), None).0
}

/// The same with the forecast.
fn announced(old: &Project, new: &Project) -> String {
    said(old, new, Some(&old.record()), None).1
}

/// Without a record, as after an upgrade.
fn bare(old: &Project, new: &Project) -> String {
    said(old, new, None, None).1
}

fn changed(change: impl FnOnce(&mut Project)) -> Project {
    let mut project = project();
    change(&mut project);
    project
}

fn write(project: &mut Project, path: &str, content: &str) {
    project.files.insert(path.to_owned(), content.to_owned());
}

#[test]
fn a_machine_that_never_built_it_names_files_arguments_and_the_first_step() {
    let new = changed(|p| {
        write(p, "src/a.py", "2");
        write(p, "src/b.py", "new");
        p.files.remove("src/old.py");
        p.options.build_args.insert("VERSION".into(), "2".into());
    });
    assert_eq!(
        announced(&project(), &new),
        "3 files changed: src/a.py modified, src/b.py added, 1 deleted in src; build arg VERSION changed; \
         first step to run: [3/4] COPY src /app, then at most 1 more (with the last build's cache and base images)"
    );
}

#[test]
fn a_full_list_names_what_is_gone() {
    let new = changed(|p| drop(p.files.remove("src/old.py")));
    let list = vec![Change {
        path: "src/old.py".into(),
        kind: ChangeKind::Deleted,
    }];
    let (said, _) = said(&project(), &new, Some(&project().record()), Some(list));
    assert_eq!(said, "1 file changed: src/old.py deleted");
}

#[test]
fn without_a_record_the_parts_and_the_old_inputs_are_named() {
    let new = changed(|p| {
        write(p, "src/a.py", "2");
        p.dockerfile.push_str("\nUSER app");
        p.options.triggers.push("t".into());
        p.options.build_args = [("A".into(), "1".into()), ("B".into(), "1".into())].into();
    });
    assert_eq!(
        bare(&project(), &new),
        "files of the context changed (nothing is known of the earlier files); Dockerfile changed; \
         build args A and B changed; triggers changed"
    );
}

#[test]
fn the_line_of_the_first_changed_instruction_is_told() {
    let edited = changed(|p| p.dockerfile = p.dockerfile.replace("RUN make", "RUN make all"));
    assert_eq!(
        announced(&project(), &edited),
        "Dockerfile changed at line 5; first step to run: [4/4] RUN make all (with the last build's cache and base images)"
    );
    let inserted = changed(|p| p.dockerfile = p.dockerfile.replace("COPY src", "WORKDIR /w\nCOPY src"));
    assert!(causes(&project(), &inserted).ends_with("at line 4"));
    let cut = changed(|p| p.dockerfile = p.dockerfile.replace("\nRUN make", ""));
    assert_eq!(
        announced(&project(), &cut),
        "Dockerfile changed after line 4; no step to run (with the last build's cache and base images)"
    );
}

#[test]
fn another_target_is_no_changed_dockerfile() {
    let mut old = project();
    old.dockerfile.push_str("\nRUN test");
    let mut new = old.clone();
    new.options.target = Some("app".into());
    let (old_fingerprint, mut new_fingerprint) = (old.fingerprint(), new.fingerprint());
    new_fingerprint.dockerfile = "other".into();
    let record = old.record();
    let reasons = new.with_parts(|parts| {
        let old = Old {
            fingerprint: &old_fingerprint,
            options: &old.options,
            record: Some(&record),
        };
        let new = New {
            fingerprint: &new_fingerprint,
            options: &new.options,
            content: Some(parts),
        };
        explain(old, new, None)
    });
    assert_eq!(
        sentence(&reasons),
        "other instructions of the Dockerfile count; target changed"
    );
}

#[test]
fn a_moved_base_image_is_told_with_both_digests() {
    let new = changed(|p| p.base = format!("sha256:{}", "3c".repeat(32)));
    assert_eq!(
        announced(&project(), &new),
        "base image python:3.12-slim moved sha256:1a1a1a1a… → 3c3c3c3c…; \
         first step to run: [1/4] FROM python:3.12-slim, then at most 3 more (with the last build's cache and base images)"
    );
}

#[test]
fn a_label_runs_no_step_and_a_network_may_run_any() {
    let label = changed(|p| drop(p.options.labels.insert("l".into(), "v".into())));
    assert_eq!(
        announced(&project(), &label),
        "labels changed; no step to run (with the last build's cache and base images)"
    );
    let hosts = changed(|p| p.options.add_hosts.push("h:1.2.3.4".into()));
    assert_eq!(announced(&project(), &hosts), "addHosts changed");
}

#[test]
fn ten_names_are_listed_the_most_telling_first() {
    let new = changed(|p| {
        for at in 0..9 {
            write(p, &format!("src/deep/new{at}"), "new");
        }
        for path in ["src/a.py", "requirements.lock", "readme"] {
            write(p, path, "2");
        }
        p.files.remove("src/old.py");
    });
    let expected = "13 files changed: readme modified, src/a.py modified, requirements.lock modified, \
        src/deep/new0 added, src/deep/new1 added, src/deep/new2 added, src/deep/new3 added, src/deep/new4 added, \
        src/deep/new5 added, src/deep/new6 added and 3 more";
    assert_eq!(causes(&project(), &new), expected);
}

#[test]
fn more_changes_than_can_be_named_are_told_by_directory() {
    let old = changed(|p| (0..400).for_each(|at| write(p, &format!("dir{}/f{at}", at % 3), "1")));
    let mut new = old.clone();
    (0..400)
        .filter(|at| at % 3 != 1)
        .for_each(|at| write(&mut new, &format!("dir{}/f{at}", at % 3), "2"));
    assert_eq!(causes(&old, &new), "more than 60 files changed, under dir0/ and dir2/");
    write(&mut new, "readme", "2");
    assert_eq!(
        causes(&old, &new),
        "more than 60 files changed, under dir0/, dir2/ and at the top of the context"
    );
}

#[test]
fn an_ignore_file_that_let_files_in_is_told() {
    let new = changed(|p| {
        p.ignore = Some("*.log".into());
        write(p, "src/a.py", "2");
    });
    assert_eq!(
        causes(&project(), &new),
        "1 file changed: src/a.py modified; the ignore file changed"
    );
}

#[test]
fn files_of_a_named_context_are_told_with_its_name() {
    let old = changed(|p| p.assets = Some([("img/logo.png".to_owned(), "1".to_owned())].into()));
    let mut new = old.clone();
    new.assets = Some([("img/logo.png".to_owned(), "2".to_owned())].into());
    assert_eq!(causes(&old, &new), "1 file changed: assets:/img/logo.png modified");

    write(&mut new, "src/a.py", "2");
    let list = vec![Change {
        path: "src/a.py".into(),
        kind: ChangeKind::Modified,
    }];
    let (said, _) = said(&old, &new, Some(&old.record()), Some(list));
    assert_eq!(
        said,
        "2 files changed: src/a.py modified, assets:/img/logo.png modified"
    );
}

#[test]
fn a_new_version_of_the_fingerprint_blames_no_file() {
    let new = changed(|p| p.version = 2);
    assert_eq!(causes(&project(), &new), "the provider fingerprints in a new way");
    let (old_fingerprint, mut new_fingerprint) = (project().fingerprint(), new.fingerprint());
    new_fingerprint.context = "computed in another way".into();
    let (old, record) = (project(), project().record());
    let reasons = new.with_parts(|parts| {
        let old = Old {
            fingerprint: &old_fingerprint,
            options: &old.options,
            record: Some(&record),
        };
        let new = New {
            fingerprint: &new_fingerprint,
            options: &new.options,
            content: Some(parts),
        };
        explain(old, new, None)
    });
    assert_eq!(reasons, [Reason::FingerprintVersion]);
}

#[test]
fn base_images_that_count_are_named_as_the_cause() {
    let tracked = |digest| changed(|p| p.tracked = Some([digest; 32]));
    assert_eq!(causes(&project(), &tracked(1)), "baseImages changed");
    assert_eq!(causes(&tracked(1), &project()), "baseImages changed");
    // Who adopts an image records no digest of its base images.
    assert_eq!(causes(&tracked(1), &tracked(2)), "a base image changed");
    assert_eq!(bare(&tracked(1), &tracked(2)), "a base image changed");
    let mut moved = tracked(2);
    moved.base = format!("sha256:{}", "2b".repeat(32));
    assert_eq!(
        causes(&tracked(1), &moved),
        "base image python:3.12-slim moved sha256:1a1a1a1a… → 2b2b2b2b…"
    );
}

#[test]
fn equal_fingerprints_need_no_reason() {
    let (old, new) = (project(), project());
    assert_eq!(causes(&old, &new), "");
}

#[test]
fn names_steer_no_terminal() {
    let new = changed(|p| write(p, "src/a\u{1b}[31m\nb", "1"));
    let said = causes(&project(), &new);
    assert!(!said.contains('\u{1b}') && !said.contains('\n'), "{said:?}");
}
