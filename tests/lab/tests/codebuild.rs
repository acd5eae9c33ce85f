//! Builds of CodeBuild in a lab: the AWS CLI starts them, they build images with a Docker of their own and push to ECR.
//!
//! They need root and the tools of `cargo xtask setup`, and are run with `cargo test -p fastcontainer-lab -- --ignored`.

use std::process::{Command, Stdio};

/// A project, and functions to start builds and to wait for them.
const PRELUDE: &str = r#"
export AWS_DEFAULT_REGION=eu-central-1 AWS_CA_BUNDLE=$SSL_CERT_FILE
aws=$(echo "$PULUMI_FASTCONTAINER_TOOLS"/pulumi-fastcontainer/tools-v1/aws-cli-*/bin/aws)
cat > "$HOME/project.json" <<'END'
{"name": "images", "serviceRole": "arn:aws:iam::123456789012:role/codebuild", "artifacts": {"type": "NO_ARTIFACTS"},
 "source": {"type": "NO_SOURCE", "buildspec": "version: 0.2\nphases:\n  build:\n    commands: ['true']\n"},
 "environment": {"type": "LINUX_CONTAINER", "image": "aws/codebuild/amazonlinux-x86_64-standard:5.0",
   "computeType": "BUILD_GENERAL1_SMALL", "privilegedMode": true}}
END
$aws codebuild create-project --cli-input-json "file://$HOME/project.json" >&2
begin() {
    $aws codebuild start-build --project-name images --buildspec-override "file://$HOME/spec.yml" \
        --environment-variables-override "name=REGISTRY,value=$FASTCONTAINER_ECR" "name=TAG,value=$1" ${2-} \
        --query build.id --output text
}
finish() {
    for _ in $(seq 120); do
        state=$($aws codebuild batch-get-builds --ids "$1" --query 'builds[0].[buildComplete,buildStatus]' --output text)
        case $state in True*) break ;; esac
        sleep 0.5
    done
    echo "$state"
    $aws codebuild batch-get-builds --ids "$1" --query 'builds[0].exportedEnvironmentVariables[].value' --output text
    $aws logs get-log-events --log-group-name /aws/codebuild/images --log-stream-name "${1#*:}" --start-from-head \
        --query 'events[].message' --output text | grep -v '\[Container\]' | tee -a /dev/stderr
}
"#;

fn in_lab(script: &str) -> std::io::Result<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
    command.args(["run", "--endpoint", "buildkitd", "--", "bash", "-euc"]);
    let output = command
        .arg(format!("{PRELUDE}{script}"))
        .stderr(Stdio::inherit())
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    Ok(said)
}

#[test]
#[ignore = "needs root and the tools of `cargo xtask setup`"]
fn two_builds_at_once_push_images_from_dockers_of_their_own() {
    let said = in_lab(
        r#"
curl -sSf -X PUT "$FASTCONTAINER_EMULATOR/_admin/repository?repository=$FASTCONTAINER_ECR/app" >&2
$aws s3 mb s3://contexts >&2
mkdir "$HOME/context"
printf 'FROM busybox:1.36\nARG TAG\nRUN echo "built $TAG" > /proof\nCMD ["cat", "/proof"]\n' > "$HOME/context/Dockerfile"
tar -C "$HOME/context" -cz . | $aws s3 cp - s3://contexts/context.tar.gz >&2
cat > "$HOME/spec.yml" <<'END'
version: 0.2
env:
  exported-variables: [DIGEST]
phases:
  pre_build:
    commands:
      - command -v zstd && exit 1 || true
      - mkdir context && aws s3 cp s3://contexts/context.tar.gz - | tar -xmz -C context
      - aws ecr get-login-password | docker login --username AWS --password-stdin "$REGISTRY"
      - |
        dockerd --host=unix:///tmp/second.sock -b docker0 --iptables=false --ip6tables=false --ip-forward=false \
          --feature containerd-snapshotter=true --data-root=/var/lib/docker/second --exec-root=/run/second \
          --pidfile=/run/second.pid >/tmp/second.log 2>&1 &
      - for i in $(seq 100); do docker -H unix:///tmp/second.sock version >/dev/null 2>&1 && break; sleep 0.1; done
      - docker info --format 'first={{.Driver}}'; docker -H unix:///tmp/second.sock info --format 'second={{.Driver}}'
  build:
    commands:
      - docker -H unix:///tmp/second.sock buildx build --provenance=false --metadata-file meta.json --build-arg TAG
        --output "type=image,name=$REGISTRY/app:$TAG,push=true,oci-mediatypes=true" context
      - DIGEST=$(jq -r '."containerimage.digest"' meta.json)
      - docker build -q --build-arg TAG -t first context >/dev/null && docker run --rm first
END
one=$(begin one)
two=$(begin two)
finish "$one"
finish "$two"
for tag in one two; do
    digest=$(lab image pull "$FASTCONTAINER_ECR/app:$tag")
    echo "$tag is $digest"
    lab image run "$FASTCONTAINER_ECR/app@$digest"
done
"#,
    )
    .unwrap();
    for text in ["first=overlay2", "second=overlayfs"] {
        assert_eq!(said.matches(text).count(), 2, "{text}: {said}");
    }
    assert_eq!(said.matches("True\tSUCCEEDED").count(), 2, "{said}");
    for tag in ["one", "two"] {
        // Once by `docker run` in the build, once by digest from ECR.
        assert_eq!(said.matches(&format!("built {tag}\n")).count(), 2, "{said}");
        let line = said
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{tag} is ")))
            .unwrap();
        assert!(said.lines().any(|exported| exported == line), "{said}");
    }
}

#[test]
#[ignore = "needs root and the tools of `cargo xtask setup`"]
fn build_that_is_not_privileged_has_no_docker_and_a_stopped_one_leaves_none() {
    let said = in_lab(
        r#"
cat > "$HOME/spec.yml" <<'END'
version: 0.2
phases:
  build:
    commands:
      - docker info
END
finish "$(begin plain --no-privileged-mode-override)" 2>&1
cat > "$HOME/spec.yml" <<'END'
version: 0.2
phases:
  build:
    commands:
      - docker info >/dev/null && sleep 600
END
id=$(begin stopped)
until pgrep -f '^sleep 600$' >/dev/null; do sleep 0.2; done
pgrep -x dockerd | wc -l
$aws codebuild stop-build --id "$id" --query build.buildStatus --output text
for _ in $(seq 100); do rmdir "$FASTCONTAINER_LAB_DIR/emulator/builds" 2>/dev/null && break; sleep 0.1; done
mkdir -p "$FASTCONTAINER_LAB_DIR/emulator/builds"
echo "left: $(pgrep 'dockerd|containerd|sleep' | wc -l) $(ls "$FASTCONTAINER_LAB_DIR/emulator/builds" | wc -l)"
"#,
    )
    .unwrap();
    assert!(said.contains("True\tFAILED"), "{said}");
    assert!(said.contains("Cannot connect to the Docker daemon"), "{said}");
    assert!(said.contains("\n1\nSTOPPED\nleft: 0 0\n"), "{said}");
}
