//! Reading the Dockerfile and finding the ignore file.

use std::fs;
use std::path::Path;

use crate::tree::Tree;
use fastcontainer_build_context::{ContextError, find_ignore_file, read_dockerfile};

#[test]
fn a_dockerfile_is_read_as_it_is_also_through_a_link() {
    let tree = Tree::new();
    tree.write("Dockerfile", b"FROM scratch\r\n\xff");
    tree.link("link", "Dockerfile");
    assert_eq!(read_dockerfile(&tree.path("link")).unwrap(), b"FROM scratch\r\n\xff");
}

#[test]
fn a_missing_dockerfile_is_named_with_its_absolute_path() {
    let error = read_dockerfile(Path::new("no/Dockerfile")).unwrap_err();
    assert!(error.is_not_found());
    let expected = std::env::current_dir().unwrap().join("no/Dockerfile");
    assert!(
        matches!(&error, ContextError::DockerfileMissing { path } if *path == expected),
        "{error:?}"
    );
}

#[test]
fn a_directory_or_device_is_no_dockerfile() {
    let tree = Tree::of(&["Dockerfile/"]);
    for path in [tree.path("Dockerfile"), "/dev/zero".into()] {
        assert!(
            matches!(read_dockerfile(&path).unwrap_err(), ContextError::NotAFile { .. }),
            "{}",
            path.display()
        );
    }
}

#[test]
fn a_dockerfile_over_16_mib_is_refused() {
    let tree = Tree::new();
    let file = fs::File::create(tree.path("Dockerfile")).unwrap();
    file.set_len(16 << 20).unwrap();
    assert_eq!(read_dockerfile(&tree.path("Dockerfile")).unwrap().len(), 16 << 20);
    file.set_len((16 << 20) + 1).unwrap();
    let error = read_dockerfile(&tree.path("Dockerfile")).unwrap_err();
    assert!(
        matches!(error, ContextError::TooLarge { limit: 16_777_216, .. }),
        "{error:?}"
    );
}

#[test]
fn the_ignore_file_beside_the_dockerfile_comes_first_even_when_it_is_empty() {
    let tree = Tree::new();
    tree.write("app/.dockerignore", "from-context");
    let excluded = |dockerfile: Option<&Path>| {
        let rules = find_ignore_file(&tree.path("app"), dockerfile).unwrap();
        ["from-context", "from-beside"].map(|path| rules.excludes(path).unwrap())
    };
    let dockerfile = tree.path("docker/Dockerfile.prod");
    assert_eq!(excluded(None), [true, false]);
    assert_eq!(excluded(Some(&dockerfile)), [true, false]);
    tree.write("docker/Dockerfile.prod.dockerignore", "from-beside");
    assert_eq!(excluded(Some(&dockerfile)), [false, true]);
    tree.write("docker/Dockerfile.prod.dockerignore", "# nothing");
    assert_eq!(excluded(Some(&dockerfile)), [false, false]);
    tree.write("docker/Dockerfile.prod.dockerignore", "");
    assert_eq!(excluded(Some(&dockerfile)), [false, false]);
}

#[test]
fn no_ignore_file_excludes_nothing() {
    let tree = Tree::new();
    assert!(!find_ignore_file(tree.root(), None).unwrap().excludes("x").unwrap());
    assert!(find_ignore_file(&tree.path("missing"), None).is_ok());
}

#[test]
fn an_ignore_file_that_is_a_directory_is_an_error() {
    let tree = Tree::of(&[".dockerignore/"]);
    assert!(matches!(
        find_ignore_file(tree.root(), None).unwrap_err(),
        ContextError::NotAFile { .. }
    ));
}

#[test]
fn an_invalid_line_names_file_and_line() {
    let tree = Tree::new();
    tree.write(".dockerignore", "ok\n\n[a\n");
    let message = find_ignore_file(tree.root(), None).unwrap_err().to_string();
    let file = tree.path(".dockerignore");
    assert_eq!(
        message,
        format!(
            "`{}:3`: the pattern `[a` is invalid: it has a `[` without its `]`",
            file.display()
        )
    );
}
