//! What the provider says, as pages quote it: reasons, messages, output of its commands.

use std::fs;
use std::path::Path;

use docs::{Page, Sentences, code_spans, pages, prose};
use fastcontainer_build_context::{Change, ChangeKind, ChangedDirectories};
use fastcontainer_lab::workspace_root;
use pulumi_resource_fastcontainer::planning::forecast::Forecast;
use pulumi_resource_fastcontainer::planning::reason::{Place, Reason};

use crate::shown;

fn page(path: &str) -> Page {
    let found = pages().into_iter().find(|page| page.path == Path::new(path));
    found.unwrap_or_else(|| panic!("no page {path}"))
}

/// Code spans in the first column of all tables of a page, with their lines.
fn first_column(page: &Page) -> Vec<(usize, String)> {
    let rows = prose(&page.text).filter_map(|(line, text)| Some((line, text.strip_prefix('|')?.split('|').next()?)));
    let spans = rows.flat_map(|(line, cell)| code_spans(cell).into_iter().map(move |span| (line, span)));
    spans.collect()
}

/// One of each kind; a kind that is added without a sample does not compile.
fn reasons() -> Vec<Reason> {
    let sample = |kind: &Reason| match kind {
        Reason::NewImage
        | Reason::Imported
        | Reason::OtherRepository
        | Reason::ImageGone
        | Reason::Files(_)
        | Reason::ManyFiles(_)
        | Reason::ContextChanged
        | Reason::IgnoreFile
        | Reason::NamedContext(_)
        | Reason::Dockerfile(_)
        | Reason::OtherStages
        | Reason::BuildArgs(_)
        | Reason::Input(_)
        | Reason::BaseImage { .. }
        | Reason::SomeBaseImage
        | Reason::FingerprintVersion => kind.to_string(),
    };
    let change = |path: &str, kind| Change {
        path: path.to_owned(),
        kind,
    };
    let files = vec![
        change("src/app.py", ChangeKind::Modified),
        change("src/new.py", ChangeKind::Added),
        change("src/old.py", ChangeKind::Deleted),
    ];
    let directories = ChangedDirectories {
        names: ["src", "lib"].map(str::to_owned).to_vec(),
        ..ChangedDirectories::default()
    };
    let all = vec![
        Reason::NewImage,
        Reason::Imported,
        Reason::OtherRepository,
        Reason::ImageGone,
        Reason::Files(files.into()),
        Reason::ManyFiles(directories),
        Reason::ContextChanged,
        Reason::IgnoreFile,
        Reason::NamedContext("shared".to_owned()),
        Reason::Dockerfile(None),
        Reason::Dockerfile(Some(Place::At(7))),
        Reason::Dockerfile(Some(Place::After(12))),
        Reason::OtherStages,
        Reason::BuildArgs(vec!["VERSION".to_owned()]),
        Reason::Input("target".to_owned()),
        Reason::BaseImage {
            reference: "python:3.12-slim".to_owned(),
            old: [0xab; 8],
            new: [0xcd; 8],
        },
        Reason::SomeBaseImage,
        Reason::FingerprintVersion,
    ];
    assert!(all.iter().all(|one| !sample(one).is_empty()));
    all
}

#[test]
fn every_reason_of_a_build_is_explained_in_its_words() {
    let page = page("docs/how-it-decides.md");
    let told: Vec<_> = first_column(&page).into_iter().map(|(_, span)| span).collect();
    let missing: Vec<_> = reasons()
        .iter()
        .map(ToString::to_string)
        .filter(|one| !told.contains(one))
        .collect();
    assert!(
        missing.is_empty(),
        "not in the table: {missing:#?}\nin the table: {told:#?}"
    );
}

/// The first step of a build, as a preview foretells it.
fn forecast() -> String {
    let forecast = Forecast::From {
        label: "[build 4/7] COPY src /app".to_owned(),
        more: 3,
    };
    forecast.to_string()
}

#[test]
fn the_first_step_is_foretold_in_the_words_of_the_page() {
    assert!(
        page("docs/how-it-decides.md").text.contains(&forecast()),
        "{}",
        forecast()
    );
}

#[test]
fn every_message_of_troubleshooting_is_one_that_the_provider_has() {
    let (page, sentences) = (page("docs/troubleshooting.md"), Sentences::of_the_provider());
    let messages = first_column(&page);
    assert!(messages.len() > 20, "{messages:?}");
    let unknown: Vec<_> = messages.iter().filter(|(_, message)| !sentences.say(message)).collect();
    assert!(unknown.is_empty(), "no source of the provider says: {unknown:#?}");
    let short: Vec<_> = messages
        .iter()
        .filter(|(_, message)| message.replace('…', "").len() < 12)
        .collect();
    assert!(short.is_empty(), "too short to be found by: {short:?}");
}

/// A block of `text` is a picture with names of modules, or lines that the provider says.
#[test]
fn output_is_what_the_provider_says() {
    let sentences = Sentences::of_the_provider();
    for (page, block) in shown(&["text"]) {
        if block.text.contains('─') {
            continue;
        }
        for line in block.text.lines().filter(|line| !line.trim().is_empty()) {
            let parts: Vec<_> = line.split(" – ").collect();
            let last = parts.last().unwrap().trim();
            let known = last.split("; ").all(|part| is_said(part, &sentences));
            assert!(known, "{}: the provider does not say `{line}`", page.place(block.line));
        }
    }
}

/// Whether a literal, or a text that a type shows, has this form.
fn is_said(part: &str, sentences: &Sentences) -> bool {
    let form = |reason: &Reason| reason.to_string() == part;
    reasons().iter().any(form) || forecast() == part || sentences.say(&with_gaps(part))
}

/// The words of a sentence, with gaps for what differs from case to case: names, numbers, digests, what is in quotes.
fn with_gaps(text: &str) -> String {
    let varies = |word: &str| {
        word.contains(['/', '.', '@', '[', ']', ':', '`', '-'])
            || word.chars().any(|c| c.is_ascii_digit() || c.is_ascii_uppercase())
    };
    let words = text.split(' ').map(|word| if varies(word) { "…" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn pictures_name_modules_that_exist() {
    for (page, block) in shown(&["text"]) {
        if !block.text.contains('─') {
            continue;
        }
        let words = block
            .text
            .split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
        for word in words
            .map(|word| word.trim_matches(':'))
            .filter(|word| word.contains("::"))
        {
            let path = workspace_root().join("provider/src").join(word.replace("::", "/"));
            let there = path.with_extension("rs").exists() || path.join("mod.rs").exists();
            assert!(there, "{}: no module `{word}`", page.place(block.line));
        }
    }
}

/// What was measured is said with the command that measures it and the day.
#[test]
fn every_figure_names_its_command_and_its_day() {
    let path = workspace_root().join("docs/performance.md");
    let text = fs::read_to_string(&path).unwrap();
    for section in text.split("\n## ").skip(1).filter(|section| section.contains("\n|")) {
        let title = section.lines().next().unwrap_or_default();
        assert!(section.contains("`cargo xtask bench"), "{title}: no command");
        assert!(section.contains("2026-"), "{title}: no day");
    }
}

/// A page that names a test as its proof: the test exists.
#[test]
fn every_test_that_is_named_as_a_proof_exists() {
    let mut sources = String::new();
    collect(&workspace_root().join("tests"), &mut sources);
    let mut lost = Vec::new();
    for page in pages() {
        for (line, text) in prose(&page.text) {
            let spans = code_spans(text).into_iter();
            let tests = spans.filter(|span| {
                span.matches('_').count() > 3 && span.chars().all(|c| c == '_' || c.is_ascii_lowercase())
            });
            lost.extend(
                tests
                    .filter(|name| !sources.contains(&format!("fn {name}(")))
                    .map(|name| format!("{}: {name}", page.place(line))),
            );
        }
    }
    assert!(lost.is_empty(), "{lost:#?}");
}

fn collect(directory: &Path, sources: &mut String) {
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}
