//! The examples that documentation and SDKs show for the resource and the functions.
//!
//! They are files, so that each can be compiled as what it is; here they only become the section of a description from which every
//! generator picks its own language.

/// One program in every language: fence of the code block, text.
type Programs = [(&'static str, &'static str); 6];

macro_rules! programs {
    ($folder:literal) => {
        [
            ("typescript", include_str!(concat!("examples/", $folder, "/index.ts"))),
            ("python", include_str!(concat!("examples/", $folder, "/__main__.py"))),
            ("go", include_str!(concat!("examples/", $folder, "/main.go"))),
            ("csharp", include_str!(concat!("examples/", $folder, "/Program.cs"))),
            ("java", include_str!(concat!("examples/", $folder, "/App.java"))),
            ("yaml", include_str!(concat!("examples/", $folder, "/Pulumi.yaml"))),
        ]
    };
}

pub(super) const IMAGE: Programs = programs!("image");
const GET_IMAGE: Programs = programs!("get_image");
const GET_FINGERPRINT: Programs = programs!("get_fingerprint");

/// The resource's description with its example.
pub(super) fn image(description: &str) -> String {
    with_example(description, "An image with a build argument", &IMAGE)
}

/// The description of `getImage` with its example.
pub(super) fn get_image(description: &str) -> String {
    with_example(description, "The image that a tag names today", &GET_IMAGE)
}

/// The description of `getFingerprint` with its example.
pub(super) fn get_fingerprint(description: &str) -> String {
    with_example(description, "Which files count", &GET_FINGERPRINT)
}

fn with_example(description: &str, title: &str, programs: &Programs) -> String {
    let blocks: String = programs
        .iter()
        .map(|(fence, text)| format!("```{fence}\n{}\n```\n", text.trim_end()))
        .collect();
    format!(
        "{description}\n\n{{{{% examples %}}}}\n## Example Usage\n{{{{% example %}}}}\n### {title}\n\n{blocks}{{{{% /example %}}}}\n\
         {{{{% /examples %}}}}\n"
    )
}
