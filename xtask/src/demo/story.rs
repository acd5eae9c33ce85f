//! What the demo shows, step by step. A step that does not go as promised panics with what the CLI said.

use std::fs;
use std::path::Path;
use std::time::Duration;

use e2e::{Checkout, CodeBuild, Stack, admin};
use fastcontainer_lab::{Builder, ECR_HOST, Lab, say};

use super::Place;
use super::services::{ask_http, invoke_lambda};
use super::table::Table;
use crate::shell::workspace_root;

const BASE: &str = "example";
const STACKS: [&str; 3] = ["dev", "prod", "other"];

/// The lab, the example in a checkout, and who builds.
struct Demo {
    lab: Lab,
    checkout: Checkout,
    /// The project, unless a builder of this machine builds.
    codebuild: Option<CodeBuild>,
}

/// Tells the whole story in the current lab.
pub(super) fn tell(place: Place) {
    let demo = Demo::prepare(place);
    let mut table = Table::default();
    let dev = demo.stack("dev");
    demo.first_up(&dev, &mut table);
    demo.unchanged(&dev, &mut table);
    demo.one_file_edited(&dev, &mut table);
    demo.edited_in_secret(&dev, &mut table);
    demo.second_stack(&dev, &mut table);
    demo.nothing_that_counts(&dev, &mut table);
    demo.emptied_builder(&dev, &mut table);
    for name in STACKS {
        let run = dev.named(name).destroy().ok();
        table.add(&format!("destroy {name}"), run.took, None);
    }
    table.print();
}

fn headline(text: &str) {
    say(&format!("\n-- {text}"));
}

fn show(text: &str) {
    let ours = |line: &&str| {
        ["api: ", "worker: ", "status: "]
            .iter()
            .any(|name| line.starts_with(name))
    };
    for line in text.lines().map(str::trim).filter(ours) {
        say(&format!("   {line}"));
    }
}

impl Demo {
    fn prepare(place: Place) -> Self {
        let lab = e2e::lab();
        for name in ["api", "worker", "status"] {
            admin("PUT", &format!("repository?repository={ECR_HOST}/{BASE}/{name}"));
        }
        let codebuild = match place {
            Place::Here(_) => None,
            Place::CodeBuild => {
                lab.builder().expect("the builder").stop();
                Some(CodeBuild::create(BASE))
            }
        };
        Self {
            lab,
            checkout: Checkout::of(&workspace_root().join("examples"), "first"),
            codebuild,
        }
    }

    /// The builder of this machine, if it is the one that builds.
    fn builder(&self) -> Option<Builder> {
        let local = self.codebuild.is_none();
        local.then(|| self.lab.builder().expect("the builder"))
    }

    /// What a preview says about the builder.
    fn elsewhere(&self) -> &'static str {
        self.codebuild.as_ref().map_or("", |_| " on codebuild")
    }

    fn stack(&self, name: &str) -> Stack {
        let stack = Stack::init(&self.checkout.path().join("yaml"), name).with("PULUMI_PARALLEL", "16");
        let set = |key: &str, value: &str| stack.run(&["config", "set", key, value, "--stack", name]).ok();
        set("repositoryBase", &format!("{ECR_HOST}/{BASE}"));
        if let Some(codebuild) = &self.codebuild {
            set("fastcontainer:builder", &codebuild.settings().to_string());
        }
        stack
    }

    fn first_up(&self, dev: &Stack, table: &mut Table) {
        headline("preview names the three images to build");
        let mut preview = dev.preview(&[]).ok();
        for name in ["api", "worker", "status"] {
            preview = preview.says(&format!("{name}: build{} – new image", self.elsewhere()));
        }
        show(&preview.text);
        table.add("preview of three new images", preview.took, None);

        headline("up builds them in parallel");
        let up = dev.up(&[]).ok();
        show(&up.text);
        assert_eq!(table.add("up: three images", up.took, Some(dev)), 3);

        headline("the images are pulled by digest, run, and answer");
        let answer = ask_http(&self.lab, &dev.output("apiImage"), "/");
        assert!(answer.contains("hello from fastcontainer"), "{answer}");
        let answer = ask_http(&self.lab, &dev.output("statusImage"), "/");
        assert!(answer.contains("1.0.0"), "{answer}");
        let answer = invoke_lambda(
            &self.lab,
            &dev.output("workerImage"),
            r#"{"text": "to be or not to be"}"#,
        );
        assert!(answer.contains(r#""words": 6"#), "{answer}");
        say("   api, status and worker answered");
    }

    fn unchanged(&self, dev: &Stack, table: &mut Table) {
        headline("a second up: nothing to do, with builder and registry unreachable");
        let builder = self.builder();
        if let Some(builder) = &builder {
            builder.stop();
        }
        admin("DELETE", "counters");
        let up = dev.up(&["--expect-no-changes"]).ok();
        let asked = admin("GET", "counters")["operations"].take();
        let asked = asked.as_object().expect("operations").keys();
        // The CLI itself asks KMS for the secrets of the stack.
        let asked: Vec<_> = asked.filter(|operation| !operation.starts_with("kms:")).collect();
        assert!(asked.is_empty(), "an unchanged up asked {asked:?}");
        if let Some(builder) = builder {
            builder.start().expect("the builder");
        }
        assert_eq!(table.add("up: nothing changed, builder stopped", up.took, Some(dev)), 0);
    }

    fn one_file_edited(&self, dev: &Stack, table: &mut Table) {
        headline("one source file edited");
        let app = self.checkout.path().join("services/api/src/app.py");
        edit(&app, "hello from fastcontainer", "hello again");
        let preview = dev.preview(&[]).ok().says(&format!(
            "api: rebuild{} – 1 file changed: src/app.py modified",
            self.elsewhere()
        ));
        let preview = preview.never_says("worker: ").never_says("status: ");
        show(&preview.text);
        let up = dev.up(&[]).ok();
        show(&up.text);
        assert_eq!(table.add("up: one file edited", up.took, Some(dev)), 1);
        let answer = ask_http(&self.lab, &dev.output("apiImage"), "/");
        assert!(answer.contains("hello again"), "{answer}");
    }

    fn edited_in_secret(&self, dev: &Stack, table: &mut Table) {
        headline("an edit that keeps the file's size and modification time");
        let app = self.checkout.path().join("services/api/src/app.py");
        let before = fs::metadata(&app)
            .and_then(|metadata| metadata.modified())
            .expect("a modification time");
        edit(&app, "hello again", "hello there");
        fs::File::options()
            .write(true)
            .open(&app)
            .and_then(|file| file.set_modified(before))
            .expect("the old time");
        let preview = dev.preview(&[]).ok().says("src/app.py modified");
        show(&preview.text);
        let up = dev.up(&[]).ok();
        assert_eq!(table.add("up: edit with equal size and time", up.took, Some(dev)), 1);
        let answer = ask_http(&self.lab, &dev.output("apiImage"), "/");
        assert!(answer.contains("hello there"), "the image runs old bytes: {answer}");
        say("   the running image answers with the new text");
    }

    fn second_stack(&self, dev: &Stack, table: &mut Table) {
        headline("a second stack with the same content: real digests at preview, no build");
        let prod = self.stack("prod");
        let preview = prod
            .preview(&[])
            .ok()
            .says(&dev.output("apiImage"))
            .says(&dev.output("workerImage"));
        show(&preview.text);
        let up = prod.up(&[]).ok();
        assert_eq!(table.add("up: second stack", up.took, Some(&prod)), 0);
        assert_eq!(dev.outputs(), prod.outputs());
    }

    fn nothing_that_counts(&self, dev: &Stack, table: &mut Table) {
        headline("touch on every file, another checkout, another umask: nothing to do");
        self.checkout.touch_everything();
        let up = dev.up(&["--expect-no-changes"]).ok();
        assert_eq!(table.add("up: every file touched", up.took, Some(dev)), 0);
        let other = self.checkout.again("second", 0o077);
        let up = dev.from(&other.path().join("yaml")).up(&["--expect-no-changes"]).ok();
        assert_eq!(table.add("up: another checkout and umask", up.took, Some(dev)), 0);
    }

    fn emptied_builder(&self, dev: &Stack, table: &mut Table) {
        headline("a third stack after the builder forgot everything: adopted, nothing built");
        if let Some(builder) = self.builder() {
            builder.reset().expect("the builder");
        }
        let other = self.stack("other");
        let up = other.up(&[]).ok();
        assert_eq!(table.add("up: third stack, emptied builder", up.took, Some(&other)), 0);
        assert_eq!(dev.outputs(), other.outputs());
    }
}

fn edit(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).expect("the source");
    assert!(text.contains(from), "{} does not contain `{from}`", file.display());
    fs::write(file, text.replace(from, to)).expect("the source");
    std::thread::sleep(Duration::from_millis(5));
}
