//! What people read about a change.

use e2e::Project;

#[test]
fn a_machine_that_never_built_the_image_names_the_files_from_the_state_alone() {
    let project = Project::with_image("fresh-machine", "");
    project.write("app/old.txt", "goes away");
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    project.write("app/src.txt", "two");
    project.write("app/new.txt", "new");
    std::fs::remove_file(project.at("app/old.txt")).expect("removed");
    dev.with("XDG_CACHE_HOME", &project.at("other-cache").display().to_string())
        .preview(&[])
        .ok()
        .says("api: rebuild – 3 files changed: src.txt modified, new.txt added")
        .says("1 deleted");
    dev.preview(&[]).ok().says("old.txt deleted");
}

#[test]
fn the_first_step_that_runs_again_is_named() {
    let project = Project::with_image("first-step", "");
    project.write(
        "app/Dockerfile",
        "FROM busybox:1.36 AS build\nWORKDIR /w\nRUN true\nCOPY src.txt .\nRUN cat src.txt > out\n\nFROM busybox:1.36\nCOPY --from=build /w/out /app/src.txt\n",
    );
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    project.write("app/src.txt", "two");
    dev.preview(&[])
        .ok()
        .says("1 file changed: src.txt modified")
        .says("first step to run: [build 4/5] COPY src.txt .");
}

#[test]
fn the_first_changed_instruction_is_named_by_its_line() {
    let project = Project::with_image("instruction", "");
    project.write("app/Dockerfile", "FROM busybox:1.36\nWORKDIR /app\nCOPY src.txt .\n");
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    project.write(
        "app/Dockerfile",
        "FROM busybox:1.36\nWORKDIR /app\nCOPY src.txt .\nRUN true\n",
    );
    dev.preview(&[])
        .ok()
        .says("Dockerfile changed at line 4")
        .says("first step to run: [4/4] RUN true");
}

#[test]
fn the_diff_shows_which_part_of_the_fingerprint_changed() {
    let project = Project::with_image("parts", "");
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    project.write("app/src.txt", "two");
    let text = dev.preview(&["--diff", "--json"]).ok().text;
    let shown = text.contains("fingerprint.context") && !text.contains("fingerprint.options");
    assert!(shown, "{text}");
}

#[test]
fn the_record_in_the_state_is_small_and_not_shown() {
    let project = Project::with_image("record", "");
    for number in 0..2000 {
        project.write(&format!("app/d{}/f{number}", number % 40), &format!("{number}"));
    }
    let dev = project.stack("dev");
    dev.up(&[]).ok().never_says("__manifest");
    let image = dev.resource("api").expect("the image in the state");
    let record = image["outputs"]["__manifest"].as_str().expect("the record");
    assert!((500..6144).contains(&record.len()), "{} bytes", record.len());
}
