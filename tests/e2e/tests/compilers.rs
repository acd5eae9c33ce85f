//! Compilers are never stale: outputs that they kept from an earlier build never pass for those of an edited source.
//!
//! Four tools that decide by file times, two places where outputs survive (a cache mount, an earlier layer), and every
//! way in which an edit can look old or like no edit at all. What the image says is what counts.

#![expect(clippy::expect_used, reason = "tests: a panic is a finding")]

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use e2e::{Project, Stack, image_content};

/// A tool that skips work when its outputs look new enough. Outputs go to `/out`, what the program says to `/version`.
struct Tool {
    name: &'static str,
    /// Files beside the edited one.
    files: &'static [(&'static str, &'static str)],
    /// The file that is edited; `VERSION` in its text stands for the version.
    edited: (&'static str, &'static str),
    command: &'static str,
}

const TOOLS: [Tool; 4] = [
    Tool {
        name: "cargo",
        files: &[(
            "Cargo.toml",
            "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
        )],
        edited: ("src/main.rs", "fn main() { print!(\"VERSION\") }\n"),
        command: "cargo build --quiet --offline --target-dir /out && /out/debug/app > /version",
    },
    Tool {
        name: "make",
        files: &[("Makefile", "/out/app: main.c\n\tgcc -o $@ $<\n")],
        edited: (
            "main.c",
            "#include <stdio.h>\nint main(void) { return fputs(\"VERSION\", stdout) < 0; }\n",
        ),
        command: "mkdir -p /out && make && /out/app > /version",
    },
    Tool {
        name: "tsc",
        files: &[(
            "tsconfig.json",
            "{\"compilerOptions\": {\"composite\": true, \"outDir\": \"/out\", \"tsBuildInfoFile\": \"/out/info\", \
             \"lib\": [\"es5\"], \"types\": []}, \"files\": [\"main.ts\"]}",
        )],
        edited: (
            "main.ts",
            "declare const process: any;\nprocess.stdout.write(\"VERSION\");\n",
        ),
        command: "tsc --build && node /out/main.js > /version",
    },
    Tool {
        name: "python",
        files: &[("main.py", "import version\nprint(version.text, end=\"\")\n")],
        edited: ("version.py", "text = \"VERSION\"\n"),
        command: "PYTHONPYCACHEPREFIX=/out python3 main.py > /version",
    },
];

/// Ways to change the edited file, in the order in which they are tried.
#[derive(Debug, Clone, Copy)]
enum Edit {
    SameSize,
    Longer,
    SameTime,
    SameSecond,
    Older,
    /// The content stays, all times move, and a file beside it makes the step run again.
    Touched,
}

const EDITS: [(Edit, &str); 6] = [
    (Edit::SameSize, "version 1"),
    (Edit::Longer, "version 2, longer"),
    (Edit::SameTime, "version 3, longer"),
    (Edit::SameSecond, "version 4, longer"),
    (Edit::Older, "version 5, longer"),
    (Edit::Touched, "version 5, longer"),
];

#[test]
fn outputs_in_a_cache_mount_never_pass_for_those_of_an_edited_source() {
    never_stale("cache-mount", |tool| {
        format!(
            "COPY src .\nRUN --mount=type=cache,id={},target=/out {}\n",
            tool.name, tool.command
        )
    });
}

#[test]
fn outputs_in_an_earlier_layer_never_pass_for_those_of_an_edited_source() {
    never_stale("earlier-layer", |tool| {
        let command = tool.command;
        format!("COPY base .\nRUN {command}\nCOPY src .\nRUN {command}\n")
    });
}

/// Makes every edit to all tools' sources at once, and demands that each image says the version of its source.
fn never_stale(fact: &str, steps: fn(&Tool) -> String) {
    let project = Project::new(fact, "");
    project.program(&program(&project));
    for tool in &TOOLS {
        project.write(
            &format!("{}/Dockerfile", tool.name),
            &format!(
                "FROM buildpack-deps:bookworm AS build\nWORKDIR /work\n{}FROM busybox:1.36\n\
                 COPY --from=build /version /app/src.txt\n",
                steps(tool)
            ),
        );
        for folder in ["base", "src"].map(|folder| format!("{}/{folder}", tool.name)) {
            for (path, text) in tool.files {
                project.write(&format!("{folder}/{path}"), text);
            }
            project.write(&format!("{folder}/{}", tool.edited.0), &tool.source("version 0"));
        }
    }
    let dev = project.stack("dev").with("PULUMI_PARALLEL", "16");
    runs_the_version(&dev, "version 0", "the first build");
    for (edit, version) in EDITS {
        for tool in &TOOLS {
            edit.apply(project.path(), tool, version);
        }
        runs_the_version(&dev, version, &format!("{edit:?}"));
    }
    let copy = project.checkout();
    for tool in &TOOLS {
        Edit::Older.apply(&copy.path(), tool, "version 6, longer");
    }
    runs_the_version(
        &dev.from(&copy.path()),
        "version 6, longer",
        "an edit in another checkout",
    );
    runs_the_version(&dev, "version 5, longer", "the first checkout again");
}

fn program(project: &Project) -> String {
    let images = TOOLS.iter().map(|Tool { name, .. }| {
        let repository = project.repository(name);
        format!(
            "  {name}:\n    type: fastcontainer:FastContainerImage\n    properties:\n      repository: {repository}\n      \
             context: ./{name}\n"
        )
    });
    let outputs = TOOLS
        .iter()
        .map(|Tool { name, .. }| format!("  {name}: ${{{name}.imageUri}}\n"));
    format!(
        "resources:\n{}outputs:\n{}",
        images.collect::<String>(),
        outputs.collect::<String>()
    )
}

#[track_caller]
fn runs_the_version(stack: &Stack, version: &str, edit: &str) {
    stack.up(&[]).ok();
    let outputs = stack.outputs();
    for Tool { name, .. } in &TOOLS {
        let image = outputs[name].as_str().expect("an image");
        assert_eq!(image_content(image), version, "{name} after {edit}");
    }
}

impl Edit {
    fn apply(self, project: &Path, tool: &Tool, version: &str) {
        let file = project.join(tool.name).join("src").join(tool.edited.0);
        let before = fs::metadata(&file)
            .and_then(|metadata| metadata.modified())
            .expect("modification time");
        fs::write(&file, tool.source(version)).expect("source");
        let since = before
            .duration_since(SystemTime::UNIX_EPOCH)
            .expect("a time after 1970");
        let time = match self {
            Self::SameSize | Self::Longer => return,
            Self::SameTime => before,
            Self::SameSecond => before - Duration::from_nanos(u64::from(since.subsec_nanos() / 2)),
            Self::Older => before - Duration::from_secs(365 * 24 * 3600),
            Self::Touched => {
                fs::write(file.with_file_name("note"), version).expect("note");
                SystemTime::now()
            }
        };
        fs::File::options()
            .write(true)
            .open(&file)
            .and_then(|file| file.set_modified(time))
            .expect("time");
    }
}

impl Tool {
    fn source(&self, version: &str) -> String {
        self.edited.1.replace("VERSION", version)
    }
}
