//! What commands find and what becomes of what they do.

use crate::account::{Account, build_phase, phases, trouble};

#[tokio::test]
async fn successful_build_passes_all_phases_and_says_so_in_its_log() {
    let account = Account::open().await;
    let build = account.run(&build_phase(&["echo hello"])).await;
    assert_eq!(build.build_status().unwrap().as_str(), "SUCCEEDED");
    assert_eq!(
        phases(&build),
        [
            "SUBMITTED",
            "QUEUED",
            "PROVISIONING",
            "DOWNLOAD_SOURCE",
            "INSTALL",
            "PRE_BUILD",
            "BUILD",
            "POST_BUILD",
            "UPLOAD_ARTIFACTS",
            "FINALIZING",
            "COMPLETED"
        ]
    );
    assert_eq!(build.current_phase(), Some("COMPLETED"));
    assert!(build.phases()[1].contexts.is_none());
    assert_eq!(build.phases()[6].contexts()[0].status_code(), Some(""));
    let log = account.log(&build).await;
    for text in [
        "Running command echo hello",
        "Entering phase BUILD",
        "Phase complete: BUILD State: SUCCEEDED",
    ] {
        assert!(
            log.iter()
                .any(|line| line.starts_with("[Container] 20") && line.ends_with(text)),
            "{text}: {log:?}"
        );
    }
    assert!(log.contains(&"hello".to_owned()));
    account.nothing_is_left("-- no process --").await;
}

#[tokio::test]
async fn variables_and_directory_last_from_command_to_command_and_exit_ends_only_its_own() {
    let account = Account::open().await;
    let spec = "phases:\n  pre_build:\n    commands:\n      - PLAIN=\"it's one\"\n      - export SEEN=two; cd /tmp\n      - (exit 0); FORGOTTEN=1; exit 0\n  build:\n    commands:\n      - unset SEEN\n      - echo \"[$PLAIN] [$SEEN] [$FORGOTTEN] $(pwd)\"\n";
    let build = account.run(spec).await;
    assert_eq!(account.output(&build).await, ["[it's one] [] [] /tmp"]);
}

#[tokio::test]
async fn failing_command_ends_its_phase_but_finally_and_post_build_run() {
    let account = Account::open().await;
    let spec = "phases:\n  build:\n    commands:\n      - exit 7\n      - echo not reached\n    finally:\n      - echo at last\n  post_build:\n    commands:\n      - echo \"succeeding=$CODEBUILD_BUILD_SUCCEEDING\"\n";
    let build = account.run(spec).await;
    assert_eq!(build.build_status().unwrap().as_str(), "FAILED");
    assert_eq!(account.output(&build).await, ["at last", "succeeding=0"]);
    let expected = "Error while executing command: exit 7. Reason: exit status 7";
    assert_eq!(
        trouble(&build),
        (
            "BUILD".to_owned(),
            "COMMAND_EXECUTION_ERROR".to_owned(),
            expected.to_owned()
        )
    );
    assert!(phases(&build).contains(&"UPLOAD_ARTIFACTS"));
}

#[tokio::test]
async fn failure_before_the_build_phase_skips_the_rest_unless_told_to_continue() {
    let account = Account::open().await;
    let spec = |policy: &str| {
        format!("phases:\n  install:\n{policy}    commands: ['false']\n  build:\n    commands: [echo built]\n")
    };
    let stopped = account.run(&spec("")).await;
    assert_eq!(phases(&stopped).iter().filter(|phase| **phase == "BUILD").count(), 0);
    let continued = account.run(&spec("    on-failure: CONTINUE\n")).await;
    assert_eq!(account.output(&continued).await, ["built"]);
    assert_eq!(continued.build_status().unwrap().as_str(), "FAILED");
}

#[tokio::test]
async fn default_shell_is_that_of_the_image_and_bash_is_there_when_asked_for() {
    let account = Account::open().await;
    let command =
        "if [[ a == a ]]; then echo \"${BASH_VERSION:+bash}\"; fi; sh -c 'echo \"inner ${BASH_VERSION:+bash}\"'";
    let of_image = async |image: &str| {
        let start = account.start(&build_phase(&[command])).image_override(image);
        let build = account.finish(start).await;
        account.output(&build).await
    };
    let amazon = of_image("aws/codebuild/amazonlinux-x86_64-standard:5.0").await;
    assert_eq!(amazon, ["bash", "inner bash"]);
    let ubuntu = of_image("aws/codebuild/standard:7.0").await;
    assert!(ubuntu[0].contains("[[: not found"), "{ubuntu:?}");
    assert_eq!(ubuntu[1], "inner ");
    let start = account.start(&format!("env:\n  shell: bash\n{}", build_phase(&[command])));
    let build = account.finish(start.image_override("aws/codebuild/standard:7.0")).await;
    assert_eq!(account.output(&build).await, ["bash", "inner "]);
}

#[tokio::test]
async fn long_logs_arrive_complete_and_in_order() {
    let account = Account::open().await;
    let build = account
        .run(&build_phase(&[
            "seq 1 20000",
            "printf unended",
            "head -c 3000000 /dev/zero | tr '\\0' x",
        ]))
        .await;
    let output = account.output(&build).await;
    let numbers: Vec<String> = (1..=20_000).map(|number: u32| number.to_string()).collect();
    assert_eq!(output[..20_000], numbers);
    assert_eq!(output[20_000], "unended");
    assert_eq!(output[20_001..].concat().len(), 3_000_000);
}

#[tokio::test]
async fn block_scalars_run_as_one_script_and_quoting_survives() {
    let account = Account::open().await;
    let spec = "phases:\n  build:\n    commands:\n      - |\n        for n in 1 2; do\n          echo \"n: $n\"\n        done\n        cat <<'END'\n        $not 'expanded' `here`\n        END\n";
    let build = account.run(spec).await;
    let output = account.output(&build).await;
    // The log shows the command too, line by line.
    assert_eq!(output[output.len() - 3..], ["n: 1", "n: 2", "$not 'expanded' `here`"]);
}

#[tokio::test]
async fn builds_at_the_same_time_do_not_see_each_other() {
    let account = Account::open().await;
    let commands = [
        "echo mine > /tmp/mark; mkdir /run/mark; sleep 1",
        "ls /tmp /run; ls /root; ps -e 2>/dev/null | grep -c sleep; true",
    ];
    let spec = build_phase(&commands);
    let (one, two) = tokio::join!(account.run(&spec), account.run(&spec));
    for build in [one, two] {
        let output = account.output(&build).await;
        assert_eq!(output.iter().filter(|line| *line == "mark").count(), 2, "{output:?}");
        assert_eq!(output.last().map(String::as_str), Some("0"), "{output:?}");
    }
    account.nothing_is_left("-- no process --").await;
}

#[tokio::test]
async fn background_processes_last_until_the_build_ends() {
    let account = Account::open().await;
    let commands = [
        "sleep 4713 >/dev/null 2>&1 & echo $! > /tmp/pid",
        "kill -0 $(cat /tmp/pid) && echo alive",
    ];
    let build = account.run(&build_phase(&commands)).await;
    assert_eq!(account.output(&build).await, ["alive"]);
    account.nothing_is_left("sleep\u{0}4713").await;
}
