//! An OCI registry of another make than ours: the CNCF's, as Debian packs it.

#![expect(clippy::expect_used, reason = "tests: a panic is a finding")]

use std::fs::{self, File};
use std::net::TcpStream;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use e2e::{Project, image_content, port};
use fastcontainer_lab::Tools;

/// A registry that ends with the test.
struct Registry {
    process: Child,
    host: String,
}

impl Registry {
    fn start(project: &Project) -> Self {
        let tools = Tools::locate().expect("the tools");
        let program = tools
            .debian_root()
            .expect("Debian's programs")
            .join("usr/bin/docker-registry");
        let host = format!("localhost:{}", port());
        let address = host.replace("localhost", "127.0.0.1");
        project.write(
            "registry.yml",
            &format!(
                "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: \
                 true}}}}\nhttp: {{addr: \"{address}\"}}\n",
                project.at("registry").display()
            ),
        );
        // It logs an error for everything that it is asked and does not have.
        let log = File::create(project.at("registry.log")).expect("its log");
        let mut command = Command::new(program);
        command.arg("serve").arg(project.at("registry.yml"));
        command.stdout(log.try_clone().expect("its log")).stderr(log);
        let process = command.spawn().expect("the registry");
        let begun = Instant::now();
        while TcpStream::connect(&address).is_err() {
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "no registry listens at {address}: {}",
                fs::read_to_string(project.at("registry.log")).unwrap_or_default()
            );
            thread::sleep(Duration::from_millis(50));
        }
        Self { process, host }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _status = self.process.wait();
    }
}

#[test]
fn an_image_is_pushed_adopted_tagged_and_refreshed() {
    let project = Project::with_image("other-registry", "");
    let registry = Registry::start(&project);
    let program = |more: &str| {
        project.program(&format!(
            "resources:\n  api:\n    type: fastcontainer:FastContainerImage\n    properties:\n      repository: {}/team/api\n      \
             context: ./app\n{more}outputs:\n  uri: ${{api.imageUri}}\n",
            registry.host
        ));
    };
    program("");
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    assert_eq!(image_content(&dev.output("uri")), "one");

    project.stack("other").up(&[]).ok().says("already in the registry");
    program("      tags: [\"1.0\"]\n");
    dev.preview(&[]).ok().says("retag");
    dev.up(&[]).ok();
    let tagged = format!("{}/team/api:1.0", registry.host);
    assert_eq!(image_content(&tagged), "one");
    dev.refresh(&["--expect-no-changes"]).ok();

    project.write("app/src.txt", "two");
    dev.up(&[]).ok();
    assert_eq!(image_content(&dev.output("uri")), "two");
    assert_eq!(image_content(&tagged), "two");
    dev.destroy().ok();
}
