//! Each SDK compiles and packs with the tools of its language, and the examples of the schema compile against the package. .NET is
//! missing: what it compiles against is on NuGet only.

mod editors;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sdk::{EXAMPLES, Go, Java, MODULE, Node, Python, VERSION, alone, example, pack, run, work, write};

#[test]
fn the_npm_package_serves_the_examples() {
    let _alone = alone();
    let node = Node::install();
    let mut files = Vec::new();
    for name in EXAMPLES {
        let file = format!("{name}.ts");
        write(&node.project().join(&file), &example(name, "index.ts"));
        files.push(file);
    }
    let strict = ["--noEmit", "--strict", "--module", "nodenext", "--skipLibCheck"];
    run(node.tool("tsc").args(strict).args(&files));
    let wrong = example("image", "index.ts").replace("context: \"./api\"", "contxt: \"./api\"");
    write(&node.project().join("wrong.ts"), &wrong);
    let output = node.tool("tsc").args(strict).arg("wrong.ts").output().expect("tsc");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("Did you mean to write 'context'?"), "{said}");
    fs::remove_file(node.project().join("wrong.ts")).expect("the file");
}

#[test]
fn the_wheel_serves_the_examples() {
    let _alone = alone();
    let (python, node, project) = (Python::install(), Node::install(), work("python-project"));
    for name in EXAMPLES {
        write(&project.join(format!("{name}.py")), &example(name, "__main__.py"));
    }
    run(Command::new(python.program("python")).args(["-c", "import pulumi_fastcontainer"]));
    editors::configure(python, &project);
    run(node.tool("pyright").arg("--project").arg(&project));
}

#[test]
fn the_go_module_serves_the_examples() {
    let _alone = alone();
    let project = Go::install().project();
    let wrong = project.join("wrong");
    write(
        &wrong.join("main.go"),
        &example("image", "main.go").replace("Context: ", "Contxt: "),
    );
    let output = Command::new("go")
        .current_dir(project)
        .args(["vet", "./wrong"])
        .output()
        .expect("go");
    fs::remove_dir_all(wrong).expect("the folder");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("unknown field Contxt"), "{said}");
}

#[test]
fn the_jar_serves_the_examples() {
    let _alone = alone();
    let java = Java::install();
    for name in EXAMPLES {
        let file = work("java-project").join(name).join("App.java");
        write(&file, &example(name, "App.java"));
        java.compile(&file);
    }
}

/// Lists the files of an archive.
const NAMES: &str = "
import sys, tarfile, zipfile
path = sys.argv[1]
names = zipfile.ZipFile(path).namelist() if zipfile.is_zipfile(path) else tarfile.open(path).getnames()
print('\\n'.join(names))
";

fn is(path: &Path, kind: &str) -> bool {
    path.to_string_lossy().ends_with(kind)
}

#[test]
fn every_package_is_packed_as_its_registry_takes_it() {
    let folder = tempfile::tempdir().expect("temporary directory");
    let made = pack(folder.path()).expect("packages");
    let names: Vec<&str> = made
        .iter()
        .filter_map(|path| path.strip_prefix(folder.path()).ok()?.to_str())
        .collect();
    let module = format!("go/{MODULE}/@v/v{VERSION}.zip");
    assert_eq!(
        names,
        [
            &format!("pulumi-fastcontainer-{VERSION}.tgz"),
            &format!("pulumi_fastcontainer-{VERSION}-py3-none-any.whl"),
            &format!("pulumi_fastcontainer-{VERSION}.tar.gz"),
            &format!("fastcontainer-{VERSION}.jar"),
            &format!("fastcontainer-{VERSION}-sources.jar"),
            &format!("fastcontainer-{VERSION}-javadoc.jar"),
            &format!("fastcontainer-{VERSION}.pom"),
            &module,
        ]
    );
    let described = |path: &&PathBuf| !path.ends_with(&module) && !is(path, ".pom") && !is(path, "-javadoc.jar");
    for archive in made.iter().filter(described) {
        let names = run(Command::new("python3").args(["-c", NAMES]).arg(archive));
        assert!(names.contains("/LICENSE\n"), "{}: {names}", archive.display());
    }
    let _alone = alone();
    let target = folder.path().join("installed");
    let from_sources = made
        .iter()
        .find(|path| is(path, ".tar.gz"))
        .expect("a source distribution");
    run(Command::new(Python::install().program("python"))
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "--target",
        ])
        .args([&target, from_sources]));
    assert!(target.join("pulumi_fastcontainer/pulumi-plugin.json").is_file());
    let modules = tempfile::tempdir().expect("temporary directory");
    let said = run(Command::new("go")
        .current_dir(folder.path())
        .env("GOMODCACHE", modules.path())
        .env("GOPROXY", format!("file://{}/go", folder.path().display()))
        .env("GOFLAGS", "-modcacherw")
        .env("GONOSUMDB", "*")
        .args(["mod", "download", "-json", &format!("{MODULE}@v{VERSION}")]));
    let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    let sources = Path::new(said["Dir"].as_str().expect("a folder"));
    for file in ["fastcontainer/fastContainerImage.go", "LICENSE"] {
        assert!(sources.join(file).is_file(), "{file}: {said}");
    }
}

/// Its compiler cannot be had here; that every example is shown in the documentation of the code is all that can be seen.
#[test]
fn every_sdk_shows_the_example_of_its_language() {
    for (file, part) in [
        ("nodejs/fastContainerImage.ts", "buildArgs: { VERSION: \"1.4.2\" }"),
        (
            "python/pulumi_fastcontainer/fast_container_image.py",
            "build_args={\"VERSION\": \"1.4.2\"}",
        ),
        (
            "go/fastcontainer/fastContainerImage.go",
            "fastcontainer.FastContainerImageArgs{",
        ),
        ("dotnet/FastContainerImage.cs", "new FastContainerImageArgs"),
        (
            "java/src/main/java/io/github/pulumifastcontainer/fastcontainer/FastContainerImage.java",
            "FastContainerImageArgs.builder()",
        ),
    ] {
        let path = sdk::root().join("sdk").join(file);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(text.contains(part), "{file}");
    }
}
