//! The script of a build itself, under both shells that the curated images call `sh`: what it hands on and how it fails.
//!
//! Docker and AWS are stand-ins that note how they were called, so that every turn of the script is reached within
//! milliseconds; `jq`, `tar`, `xargs` and the like are those that builds have. The whole with real ones is what the other
//! modules build.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;

use e2e::lab;
use serde_json::{Value, json};
use tempfile::TempDir;

const SCRIPT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../provider/src/backend/codebuild/build.sh"
);
const SHELLS: [&str; 2] = ["dash", "bash"];
const HOSTILE: &str = "$(touch pwned) `touch pwned` \"'; touch pwned # ${x} %n \\ \\u0000\n*";

const AWS: &str = r#"#!/bin/sh
case $1 in
  s3) cat "$STAND_IN/${6#s3://}" ;;
  s3api) cp "$STAND_IN/$6/$8" "$9" ;;
  ecr) [ ! -e "$STAND_IN/no-ecr" ] && echo of-ecr ;;
esac
"#;

const DOCKER: &str = r#"#!/bin/sh
printf '%s\0' "$@" > "$STAND_IN/calls/$(ls "$STAND_IN/calls" | wc -l)"
case "$1 $2" in
  'version ') [ ! -e "$STAND_IN/no-daemon" ] ;;
  'login '*) read -r password && echo "$password" >> "$STAND_IN/passwords" && [ ! -e "$STAND_IN/no-login" ] ;;
  'buildx imagetools') [ -e "$STAND_IN/is-there" ] && echo sha256:there ;;
  'buildx build')
    case "$*" in
      *--cache-to=*) [ ! -e "$STAND_IN/no-export" ] || { echo 'ERROR: no caches here'; exit 1; } ;;
      *--metadata-file=*) echo '{"containerimage.digest": "sha256:pushed"}' > metadata.json ;;
      *) echo '#4 [1/2] FROM busybox'; echo '#5 [2/2] RUN true'; [ ! -e "$STAND_IN/no-build" ] || exit 9 ;;
    esac ;;
esac
"#;

const DOCKERD: &str = "#!/bin/sh\n[ ! -e \"$STAND_IN/no-daemon\" ] || { echo not allowed; exit 1; }\nexec sleep 5\n";

/// A machine with stand-ins, and the files of a build in its bucket.
struct Machine {
    folder: TempDir,
    plan: Value,
}

/// How the script ended and what it said last.
struct Ended {
    success: bool,
    output: String,
    step: String,
    failure: String,
    digest: String,
    warning: String,
    /// The arguments of each call of docker.
    calls: Vec<Vec<String>>,
}

impl Machine {
    fn new() -> Self {
        let machine = Self {
            folder: tempfile::tempdir().expect("a folder"),
            plan: json!({
                "version": 1, "logins": [], "image": "r.example/app:fc-1", "policy": null,
                "build": ["buildx", "build", "--build-arg=A=1", "files/context"],
                "push": ["buildx", "build", "--metadata-file=metadata.json", "files/context"], "export": [],
            }),
        };
        for folder in ["bin", "calls", "bucket", "work", "context"] {
            fs::create_dir(machine.at(folder)).expect("a folder");
        }
        for (name, text) in [("aws", AWS), ("docker", DOCKER), ("dockerd", DOCKERD)] {
            fs::write(machine.at("bin").join(name), text).expect("a program");
            fs::set_permissions(machine.at("bin").join(name), fs::Permissions::from_mode(0o755)).expect("a program");
        }
        fs::write(machine.at("context/-rf $(id)"), "a file").expect("a file");
        let archive = machine.at("bucket/files");
        let packed = Command::new("tar")
            .arg("-C")
            .arg(machine.folder.path())
            .arg("-czf")
            .arg(archive)
            .arg("context")
            .status();
        assert!(packed.expect("tar").success());
        machine
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Lets a stand-in refuse.
    fn switch(self, name: &str) -> Self {
        fs::write(self.at(name), "").expect("a file");
        self
    }

    fn sum(&self, name: &str) -> String {
        let output = Command::new("sha256sum")
            .arg(self.at(name))
            .output()
            .expect("sha256sum");
        String::from_utf8_lossy(&output.stdout)
            .split(' ')
            .next()
            .unwrap_or_default()
            .to_owned()
    }

    fn run(self, shell: &str) -> Ended {
        fs::write(self.at("bucket/plan"), self.plan.to_string()).expect("the plan");
        let (plan, files) = (self.sum("bucket/plan"), self.sum("bucket/files"));
        self.run_expecting(shell, &plan, &files)
    }

    /// Runs the script with a `/var/lib` of its own.
    fn run_expecting(self, shell: &str, plan: &str, files: &str) -> Ended {
        symlink(format!("/usr/bin/{shell}"), self.at("bin/sh")).expect("the shell");
        let programs = lab().directory().join("build-programs");
        let output = Command::new("unshare")
            .args([
                "--mount",
                "--pid",
                "--fork",
                "--kill-child",
                "sh",
                "-c",
                "mount -t tmpfs none /var/lib && exec sh \"$0\"",
                SCRIPT,
            ])
            .env_clear()
            .env(
                "PATH",
                format!("{}:{}:/usr/bin", self.at("bin").display(), programs.display()),
            )
            .env("STAND_IN", self.folder.path())
            .env("FC_WORK", self.at("work"))
            .envs([
                ("FC_REGION", "eu-central-1"),
                ("FC_PLAN", "bucket/plan"),
                ("FC_ARCHIVE", "bucket/files"),
            ])
            .envs([
                ("FC_PLAN_SHA256", plan),
                ("FC_ARCHIVE_SHA256", files),
                ("FC_SECRET_0", "of-a-secret"),
            ])
            .output()
            .expect("the script");
        let read = |name: &str| fs::read_to_string(self.at("work").join(name)).unwrap_or_default();
        Ended {
            success: output.status.success(),
            output: String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
            step: read("step"),
            failure: read("failure"),
            digest: read("digest").trim().to_owned(),
            warning: read("warning").trim().to_owned(),
            calls: (0..)
                .map_while(|number| fs::read_to_string(self.at(&format!("calls/{number}"))).ok())
                .map(arguments)
                .collect(),
        }
    }
}

fn arguments(text: String) -> Vec<String> {
    text.split_terminator('\0').map(str::to_owned).collect()
}

impl Ended {
    fn builds(&self) -> impl Iterator<Item = &Vec<String>> {
        self.calls
            .iter()
            .filter(|call| call.get(1).is_some_and(|word| word == "build"))
    }

    #[track_caller]
    fn fails(&self, step: &str, failure: &str) {
        assert!(!self.success, "{}", self.output);
        assert_eq!(self.step, step, "{}", self.output);
        assert!(self.failure.contains(failure), "{}: {}", self.failure, self.output);
        assert!(
            self.output.contains(&format!("[fastcontainer] {}", self.failure)),
            "{}",
            self.output
        );
        assert_eq!(self.digest, "");
    }
}

#[test]
fn values_reach_docker_as_they_are_and_the_digest_is_told() {
    for shell in SHELLS {
        let mut machine = Machine::new();
        let argument = format!("--build-arg=A={HOSTILE}");
        let build = json!(["buildx", "build", argument, "", "-", "files/context"]);
        machine.plan["build"] = build.clone();
        let ended = machine.run(shell);
        assert!(ended.success, "{shell}: {}", ended.output);
        assert_eq!(json!(ended.builds().next()), build, "{shell}");
        assert_eq!((ended.digest.as_str(), ended.step.as_str()), ("sha256:pushed", "done"));
        assert!(
            !ended.output.contains("pwned") && ended.warning.is_empty(),
            "{}",
            ended.output
        );
    }
}

#[test]
fn an_image_that_is_there_already_is_not_pushed() {
    for shell in SHELLS {
        let ended = Machine::new().switch("is-there").run(shell);
        assert!(ended.success, "{shell}: {}", ended.output);
        assert_eq!((ended.digest.as_str(), ended.builds().count()), ("sha256:there", 1));
    }
}

#[test]
fn other_files_than_those_that_were_sent_build_nothing() {
    for shell in SHELLS {
        let (other, machine) = ("0".repeat(64), Machine::new());
        fs::write(machine.at("bucket/plan"), machine.plan.to_string()).expect("the plan");
        let (plan, files) = (machine.sum("bucket/plan"), machine.sum("bucket/files"));
        let ended = machine.run_expecting(shell, &other, &files);
        ended.fails("fetching the plan", "is not the one that was uploaded");
        let machine = Machine::new();
        fs::write(machine.at("bucket/plan"), machine.plan.to_string()).expect("the plan");
        let ended = machine.run_expecting(shell, &plan, &other);
        ended.fails("fetching the files", "are not those that were uploaded");
        assert!(ended.calls.is_empty(), "{:?}", ended.calls);

        let machine = Machine::new();
        fs::write(machine.at("bucket/files"), "no archive").expect("a file");
        machine.run(shell).fails("fetching the files", "cannot be unpacked");
        let machine = Machine::new();
        fs::remove_file(machine.at("bucket/files")).expect("a file");
        machine.run(shell).fails("fetching the files", "or cannot be read");
    }
}

#[test]
fn each_step_that_fails_is_named_and_is_the_last() {
    for shell in SHELLS {
        let ended = Machine::new().switch("no-daemon").run(shell);
        ended.fails("starting the builder", "the Docker daemon does not start");
        assert!(ended.output.contains("not allowed"), "{}", ended.output);
        let ended = Machine::new().switch("no-build").run(shell);
        ended.fails("building", "the build failed");
        assert_eq!(ended.builds().count(), 1);

        let mut machine = Machine::new().switch("no-ecr");
        machine.plan["logins"] = json!([{"host": "1.dkr.ecr.x.amazonaws.com", "username": "AWS", "region": "x"}]);
        machine
            .run(shell)
            .fails("logging in", "needs ecr:GetAuthorizationToken");
        let mut machine = Machine::new();
        machine.plan["build"] = json!(vec!["x".repeat(1000); 200]);
        let ended = machine.run(shell);
        ended.fails("building", "the build failed");
        assert_eq!(ended.builds().count(), 0, "a part of the arguments is no build");
    }
}

#[test]
fn passwords_go_to_standard_input_and_into_no_output() {
    for shell in SHELLS {
        for refuses in [false, true] {
            let mut machine = Machine::new();
            machine.plan["logins"] = json!([
                {"host": "1.dkr.ecr.x.amazonaws.com", "username": "AWS", "region": "x"},
                {"host": "ghcr.io", "username": HOSTILE, "variable": "FC_SECRET_0"},
            ]);
            machine = if refuses { machine.switch("no-login") } else { machine };
            let passwords = machine.at("passwords");
            let keep = tempfile::tempdir().expect("a folder");
            symlink(keep.path().join("passwords"), &passwords).expect("a link");
            let ended = machine.run(shell);
            let given = fs::read_to_string(keep.path().join("passwords")).expect("passwords");
            assert!(
                !ended.output.contains("of-ecr") && !ended.output.contains("of-a-secret"),
                "{}",
                ended.output
            );
            assert!(!format!("{:?}", ended.calls).contains("of-a-secret"));
            if refuses {
                ended.fails("logging in", "1.dkr.ecr.x.amazonaws.com refuses the login");
            } else {
                assert!(ended.success, "{shell}: {}", ended.output);
                assert_eq!(given, "of-ecr\nof-a-secret\n");
                let login = ["login", "--username", HOSTILE, "--password-stdin", "ghcr.io"].map(str::to_owned);
                assert!(ended.calls.contains(&login.to_vec()), "{:?}", ended.calls);
            }
        }
    }
}

#[test]
fn a_cache_is_exported_after_the_push_and_its_failure_is_told_and_fails_nothing() {
    for shell in SHELLS {
        for refuses in [false, true] {
            let mut machine = Machine::new();
            machine.plan["export"] = json!(["buildx", "build", "--cache-to=x"]);
            machine = if refuses { machine.switch("no-export") } else { machine };
            let ended = machine.run(shell);
            assert!(ended.success, "{shell}: {}", ended.output);
            assert_eq!(ended.builds().last().expect("a call")[2], "--cache-to=x");
            assert_eq!(ended.warning, if refuses { "ERROR: no caches here" } else { "" });
            assert_eq!(ended.digest, "sha256:pushed");
        }
    }
}
