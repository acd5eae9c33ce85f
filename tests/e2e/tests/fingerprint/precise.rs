//! Only what the Dockerfile can read counts.

use e2e::{Project, image_content};

const STAGES: &str = "FROM busybox:1.36 AS docs\nCOPY docs /docs\n\nFROM busybox:1.36\nCOPY src.txt /app/src.txt\n";

fn project(fact: &str, more: &str) -> Project {
    let project = Project::with_image(fact, more);
    project.write("app/Dockerfile", STAGES);
    project.write("app/docs/index.md", "words");
    project
}

#[test]
fn files_that_no_reached_step_reads_do_not_count() {
    let project = project("unread", "");
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    project.write("app/notes.txt", "nobody copies this");
    project.write("app/docs/index.md", "other words");
    dev.up(&["--expect-no-changes"]).ok();
    project.write("app/src.txt", "two");
    dev.up(&[]).ok().says("1 file changed: src.txt modified");
    assert_eq!(image_content(&dev.output("uri")), "two");
}

#[test]
fn in_context_mode_every_file_counts() {
    let project = project("whole", "      fingerprintMode: context\n");
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    project.write("app/notes.txt", "counts now");
    dev.preview(&[]).ok().says("1 file changed: notes.txt added");
}

#[test]
fn comments_blank_lines_and_unreached_stages_do_not_count() {
    let project = project("comments", "");
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    project.write(
        "app/Dockerfile",
        "# why\nFROM busybox:1.36 AS docs\nCOPY docs /elsewhere\n\n\nFROM busybox:1.36\n# the source\nCOPY src.txt /app/src.txt\n",
    );
    dev.up(&["--expect-no-changes"]).ok();
}

#[test]
fn a_target_narrows_to_its_own_stages() {
    let project = project("target", "      target: docs\n");
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    project.write("app/src.txt", "two");
    dev.up(&["--expect-no-changes"]).ok();
    project.write("app/docs/index.md", "other words");
    dev.preview(&[]).ok().says("docs/index.md modified");
}

#[test]
fn triggers_in_a_base_image_that_read_the_context_are_refused_with_advice() {
    let project = Project::with_image("onbuild", "");
    let base = project.repository("base");
    let image = format!(
        "resources:\n  base:\n    type: fastcontainer:FastContainerImage\n    properties:\n      repository: {base}\n      \
         context: ./base\n      dockerfileInline: |\n        FROM busybox:1.36\n        ONBUILD COPY . /app\n      tags: [v1]\n"
    );
    project.write("base/.keep", "");
    project.program(&image);
    project.stack("base").up(&[]).ok();
    project.image_program("");
    project.write("app/Dockerfile", &format!("FROM {base}:v1\n"));
    let dev = project.stack("dev");
    dev.up(&[]).fails().says("ONBUILD").says("fingerprintMode: context");
    project.image_program("      fingerprintMode: context\n");
    dev.up(&[]).ok();
    assert_eq!(image_content(&dev.output("uri")), "one");
}

#[test]
fn a_damaged_stat_cache_costs_time_only() {
    let project = Project::with_image("damaged", "");
    let cache = project.at("cache").display().to_string();
    let dev = project.stack("dev").with("XDG_CACHE_HOME", &cache);
    dev.up(&[]).ok();
    dev.up(&["--expect-no-changes"]).ok();
    let files = std::fs::read_dir(project.at("cache/pulumi-fastcontainer/stat-cache")).expect("the stat cache");
    let damaged = files
        .flatten()
        .map(|file| std::fs::write(file.path(), b"not what was written").expect("damage"));
    assert!(damaged.count() > 0, "there is no stat cache");
    dev.up(&["--expect-no-changes"]).ok();
    project.write_keeping_time("app/src.txt", "two");
    dev.up(&[]).ok();
    assert_eq!(image_content(&dev.output("uri")), "two");
}
