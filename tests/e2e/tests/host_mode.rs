//! Host mode: the Docker or BuildKit that a machine has, a plain registry beside it, and no namespaces.
//!
//! The machine is played by the lab that this runs in: `lab run --host` is started inside, and what it calls the
//! machine's own builder is the lab's.

use std::process::Command;

use e2e::{Project, lab};

const SCRIPT: &str = r#"
set -e
cp -r "$OUTER/plugins" "$PULUMI_HOME/"
cat > Pulumi.yaml <<END
name: host
runtime: yaml
resources:
  plain:
    type: pulumi:providers:fastcontainer
    properties:
      registries:
        - {address: "$FASTCONTAINER_PLAIN_REGISTRY", username: $FASTCONTAINER_PLAIN_USER, password: $FASTCONTAINER_PLAIN_PASSWORD}
  api:
    type: fastcontainer:FastContainerImage
    properties: {repository: "$FASTCONTAINER_PLAIN_REGISTRY/host/api", context: ./app}
    options: {provider: "\${plain}"}
outputs: {uri: "\${api.imageUri}"}
END
pulumi stack init dev
pulumi up --yes --skip-preview
pulumi up --yes --skip-preview --expect-no-changes
lab image run "$(pulumi stack output uri)"
"#;

#[test]
fn an_image_is_built_by_the_builder_that_is_there_and_runs() {
    let project = Project::with_image("host-mode", "");
    let output = Command::new("lab")
        .args(["run", "--host", "--", "sh", "-c", SCRIPT])
        .env("OUTER", lab().pulumi_home())
        .current_dir(project.path())
        .output()
        .expect("lab");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("lab in host mode"), "{said}");
    let last = String::from_utf8_lossy(&output.stdout)
        .lines()
        .last()
        .unwrap_or_default()
        .to_owned();
    assert!(last.ends_with("one"), "{said}");
}
