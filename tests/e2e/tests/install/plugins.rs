//! Archives that the CLI installs.

use e2e::image_content;

use crate::mirror::Mirror;
use crate::{PROGRAM, User, VERSION, archive, archive_name, from_server, release};

#[test]
fn archive_file_is_installed_and_builds_an_image() {
    let user = User::new("install-file", "");
    user.install(&["--file", &archive()]).ok();
    assert!(user.plugin().join(PROGRAM).is_file());
    let plugins = user.stack.run(&["plugin", "ls", "--json"]).ok();
    plugins.says("\"fastcontainer\"").says(VERSION);
    user.stack.up(&[]).ok();
    assert_eq!(image_content(&user.stack.output("uri")), "one");
    user.stack.destroy().ok();
}

#[test]
fn plugin_is_installed_from_the_server_that_the_program_names() {
    let mirror = Mirror::of(release());
    let user = User::new("install-program", &from_server(&mirror.url));
    user.online().preview(&[]).ok().says("2 to create");
    assert!(user.plugin().join(PROGRAM).is_file());
    assert_eq!(mirror.asked(), [format!("/plugins/{}", archive_name())]);
    user.online().preview(&[]).ok();
    assert_eq!(mirror.asked().len(), 1, "it was downloaded again");
}

#[test]
fn plugin_is_installed_from_a_server_beforehand() {
    let mirror = Mirror::of(release());
    let user = User::new("install-server", "");
    user.install(&["--server", &mirror.url]).ok();
    assert_eq!(mirror.asked(), [format!("/plugins/{}", archive_name())]);
    user.stack.preview(&[]).ok().says("2 to create");
}
