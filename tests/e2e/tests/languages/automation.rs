//! Java, whose language host no registry serves: a program within the Automation API.

use std::process::Command;

use e2e::image_content;
use sdk::{Java, alone, run};

use crate::program::sources;

#[test]
fn a_java_program_builds_an_image_through_the_automation_api() {
    let project = sources("program-java");
    let java = {
        let _alone = alone();
        Java::install()
    };
    project.write("Automation.java", include_str!("Automation.java"));
    project.write("Pulumi.yaml", &format!("name: {}\nruntime: java\n", project.name()));
    java.compile(&project.at("Automation.java"));
    let class_path = format!("{}:{}", project.path().display(), java.class_path());
    let said = run(Command::new("java")
        .current_dir(project.path())
        .args(["-cp", &class_path, "Automation", project.name()])
        .arg(project.repository("api")));
    let line = |name: &str| {
        let mut lines = said.lines();
        let found = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        found.unwrap_or_else(|| panic!("no `{name}` in {said}")).to_owned()
    };
    assert_eq!(line("preview"), "{CREATE=2}");
    assert_eq!(line("up"), "{CREATE=2}");
    assert_eq!(image_content(&line("image")), "one");
    assert_eq!(line("unchanged"), "{SAME=2}");
    assert_eq!(line("destroy"), "{DELETE=2}");
}
