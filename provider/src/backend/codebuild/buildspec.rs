//! The buildspec: one script, the same for every build. Pure.
//!
//! CodeBuild reads it as YAML (version 0.2 of its format) and runs it with `sh`. It has no part that depends on a
//! program: what differs between builds travels in the plan and in a few variables with names and digests.

use std::fmt::Write as _;

/// The script that runs in the build.
pub(super) const SCRIPT: &str = include_str!("build.sh");

/// Variable that holds the result after a build, see [`super::failure::ScriptResult`].
pub(super) const RESULT: &str = "FC_RESULT";

/// Runs the script apart, so that its end is not the end of the phase, and exports what came out: the digest, or where
/// and why it ended.
const BEFORE: &str = "FC_WORK=$(mktemp -d) && export FC_WORK && cat > \"$FC_WORK/build.sh\" <<'FC_END_OF_SCRIPT'";
const AFTER: &str = r#"FC_END_OF_SCRIPT
FC_CODE=0
sh "$FC_WORK/build.sh" || FC_CODE=$?
if [ -f "$FC_WORK/dockerd.pid" ]; then kill "$(cat "$FC_WORK/dockerd.pid")" || true; fi
touch "$FC_WORK/step" "$FC_WORK/failure" "$FC_WORK/digest" "$FC_WORK/steps" "$FC_WORK/warning"
FC_RESULT=$(jq -cn --rawfile step "$FC_WORK/step" --rawfile failure "$FC_WORK/failure" --rawfile steps "$FC_WORK/steps" \
  --rawfile digest "$FC_WORK/digest" --rawfile warning "$FC_WORK/warning" \
  '($steps | split(" ") | map(tonumber? // 0)) as $steps
  | {digest: ($digest | rtrimstr("\n")), step: $step, failure: $failure, cacheWarning: ($warning | rtrimstr("\n")), steps: ($steps[0] // 0), cachedSteps: ($steps[1] // 0)}')
export FC_RESULT
echo "[fastcontainer] result"
echo "$FC_RESULT"
echo "[fastcontainer] end of result"
[ "$FC_CODE" = 0 ]"#;

/// The buildspec's text.
#[must_use]
pub(super) fn buildspec() -> String {
    let mut text = format!(
        "version: 0.2\nenv:\n  exported-variables:\n    - {RESULT}\nphases:\n  build:\n    commands:\n      - |\n"
    );
    for line in BEFORE.lines().chain(SCRIPT.lines()).chain(AFTER.lines()) {
        let indent = if line.is_empty() { "" } else { "        " };
        let _ = writeln!(text, "{indent}{line}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_one_block_of_the_buildspec() {
        let text = buildspec();
        let block = text.split_once("      - |\n").unwrap().1;
        assert!(
            block
                .lines()
                .all(|line| line.is_empty() || line.starts_with("        "))
        );
        let unindented: Vec<_> = block.lines().map(|line| line.get(8..).unwrap_or_default()).collect();
        let script: Vec<_> = SCRIPT.lines().collect();
        assert!(unindented.windows(script.len()).any(|lines| lines == script));
        assert!(!text.contains('\t'), "YAML takes no tabs for indentation");
    }

    #[test]
    fn the_script_fits_into_a_request() {
        assert!(buildspec().len() < 16 * 1024, "{} bytes", buildspec().len());
    }
}
