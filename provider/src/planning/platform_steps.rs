//! The steps of several builds in one list, for images for several platforms. Pure.
//!
//! A step that is the same for all platforms is named once; every other one with its platform in front, as BuildKit
//! itself names the steps of a build for several platforms.

/// The step's name with its platform: `[build 4/7] RUN x` becomes `[linux/arm64 build 4/7] RUN x`.
#[must_use]
pub fn with_platform(label: &str, platform: &str) -> String {
    match label.strip_prefix('[') {
        Some(rest) => format!("[{platform} {rest}"),
        None => format!("[{platform}] {label}"),
    }
}

/// The steps of all builds, each once. `same` tells whether two are one step; `label` lends the name of one.
#[must_use]
pub fn merged<T: Clone>(
    builds: &[(&str, Vec<T>)],
    same: impl Fn(&T, &T) -> bool,
    label: impl Fn(&mut T) -> &mut String,
) -> Vec<T> {
    if let [(_, only)] = builds {
        return only.clone();
    }
    let is_in = |steps: &[T], step: &T| steps.iter().any(|one| same(one, step));
    let mut found = Vec::new();
    for (at, (platform, steps)) in builds.iter().enumerate() {
        let new = steps
            .iter()
            .filter(|step| !builds[..at].iter().any(|(_, earlier)| is_in(earlier, step)));
        for step in new {
            let mut shown = step.clone();
            if !builds.iter().all(|(_, steps)| is_in(steps, step)) {
                let label = label(&mut shown);
                *label = with_platform(label, platform);
            }
            found.push(shown);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(list: &[&str]) -> Vec<(String, String)> {
        let step = |text: &&str| {
            let (key, label) = text.split_once(' ').unwrap();
            (key.to_owned(), label.to_owned())
        };
        list.iter().map(step).collect()
    }

    fn labels(builds: &[(&str, Vec<(String, String)>)]) -> Vec<String> {
        let merged = merged(builds, |a, b| a.0 == b.0, |step| &mut step.1);
        merged.into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn a_step_that_all_platforms_share_is_named_once() {
        let builds = [
            ("linux/amd64", steps(&["1 [1/2] COPY a", "2 [2/2] COPY b-amd64"])),
            ("linux/arm64", steps(&["1 [1/2] COPY a", "3 [2/2] COPY b-arm64"])),
        ];
        let expected = [
            "[1/2] COPY a",
            "[linux/amd64 2/2] COPY b-amd64",
            "[linux/arm64 2/2] COPY b-arm64",
        ];
        assert_eq!(labels(&builds), expected);
    }

    #[test]
    fn the_steps_of_one_build_stay_as_they_are() {
        assert_eq!(
            labels(&[("linux/amd64", steps(&["1 [1/2] A", "1 [2/2] A"]))]),
            ["[1/2] A", "[2/2] A"]
        );
    }

    #[test]
    fn a_name_without_a_number_gets_its_platform_too() {
        assert_eq!(
            with_platform("exporting to image", "linux/s390x"),
            "[linux/s390x] exporting to image"
        );
        assert_eq!(
            with_platform("[internal] load", "linux/s390x"),
            "[linux/s390x internal] load"
        );
    }
}
