//! Downloads that go wrong: what the user reads, and that a second try works.

use std::fs;

use tempfile::TempDir;

use crate::mirror::Mirror;
use crate::{User, archive, archive_name, from_server, make_release, provider, read, release};

#[test]
fn truncated_archive_is_refused_and_a_whole_one_installs_after_it() {
    let folder = TempDir::new().expect("a directory");
    let whole = read(&release().join(archive_name()));
    let file = folder.path().join(archive_name());
    fs::write(&file, &whole[..whole.len() / 2]).expect("half an archive");
    let user = User::new("install-truncated", "");
    user.install(&["--file", file.to_str().expect("a path")])
        .fails()
        .says("unexpected EOF")
        .says(file.to_str().expect("a path"));
    user.stack
        .preview(&[])
        .fails()
        .says("no resource plugin 'pulumi-resource-fastcontainer' found");
    user.install(&["--file", &archive()]).ok();
    user.stack.preview(&[]).ok().says("2 to create");
}

#[test]
fn server_without_the_archive_is_named_with_what_was_asked() {
    let empty = TempDir::new().expect("a directory");
    let mirror = Mirror::of(empty.path());
    let user = User::new("install-404", &from_server(&mirror.url));
    user.online().preview(&[]).fails().says("404").says(&archive_name());
    user.install(&["--server", &mirror.url]).fails().says("404");
    user.has_nothing();
}

/// Offset of the machine's number in an ELF file, and two such numbers.
const MACHINE: usize = 18;
const ARM64: u8 = 0xB7;
const AMD64: u8 = 0x3E;

#[test]
fn program_for_another_platform_is_named_with_the_reason() {
    let folder = TempDir::new().expect("a directory");
    let mut program = read(provider());
    program[MACHINE] = if program[MACHINE] == ARM64 { AMD64 } else { ARM64 };
    let other = folder.path().join("program");
    fs::write(&other, program).expect("a program");
    make_release(&other, folder.path());
    let user = User::new("install-platform", "");
    let file = folder.path().join(archive_name());
    user.install(&["--file", file.to_str().expect("a path")]).ok();
    let run = user.stack.preview(&[]).fails();
    run.says("exec format error").says("resource-fastcontainer");
    let again = ["--reinstall", "--file", &archive()];
    user.install(&again).ok();
    user.stack.preview(&[]).ok();
}
