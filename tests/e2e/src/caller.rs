//! Somebody with access keys of their own, so that a test's trouble hits nobody else's calls, and its traces can be told
//! from those of tests beside it.

use serde_json::{Value, json};

use crate::{CodeBuild, Stack, aws, lab, leftovers};

/// A session of a role, in the lab's own account.
pub struct Caller {
    access_key: String,
    secret_key: String,
    session_token: String,
    arn: String,
}

impl Caller {
    /// Assumes a role of this name. Names are up to the test.
    #[must_use]
    pub fn assume(name: &str) -> Self {
        let role = format!("arn:aws:iam::123456789012:role/{name}");
        let answer = aws(&["sts", "assume-role", "--role-arn", &role, "--role-session-name", name]);
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let keys = &answer["Credentials"];
        Self {
            access_key: text(&keys["AccessKeyId"]),
            secret_key: text(&keys["SecretAccessKey"]),
            session_token: text(&keys["SessionToken"]),
            arn: text(&answer["AssumedRoleUser"]["Arn"]),
        }
    }

    /// The stack as this caller works on it.
    #[must_use]
    pub fn on(&self, stack: &Stack) -> Stack {
        stack
            .with("AWS_ACCESS_KEY_ID", &self.access_key)
            .with("AWS_SECRET_ACCESS_KEY", &self.secret_key)
            .with("AWS_SESSION_TOKEN", &self.session_token)
    }

    /// Orders a fault for calls of this caller; `members` are those of the emulator's faults.
    pub fn fault(&self, operation: &str, members: Value) {
        let mut fault = members;
        fault["match"] = json!({ "operation": operation, "access_key": self.access_key });
        lab().emulator().admin_with("POST", "faults", &fault).expect("fault");
    }

    /// How many calls of an operation were hit by faults.
    #[must_use]
    pub fn hits(&self, operation: &str) -> u64 {
        let faults = lab().emulator().admin("GET", "faults").expect("faults")["faults"].take();
        let own = |fault: &&Value| {
            fault["match"]["access_key"] == self.access_key && fault["match"]["operation"] == operation
        };
        let faults = faults.as_array().into_iter().flatten();
        faults.filter(own).filter_map(|fault| fault["hits"].as_u64()).sum()
    }

    /// Names of the parameters that this caller wrote and nobody has removed.
    #[must_use]
    pub fn parameters(&self) -> Vec<String> {
        let all = aws(&["ssm", "describe-parameters"])["Parameters"].take();
        let own = |parameter: &&Value| parameter["LastModifiedUser"] == self.arn;
        let all = all.as_array().into_iter().flatten().filter(own);
        all.filter_map(|parameter| parameter["Name"].as_str().map(str::to_owned))
            .collect()
    }

    /// Demands that nothing of this caller's builds is left: no upload under way, no parameter, no build at work.
    #[track_caller]
    pub fn left_nothing(&self, codebuild: &CodeBuild) {
        let uploads = &leftovers()["buckets"][&codebuild.bucket]["uploads"];
        assert_eq!(uploads, &json!([]), "uploads are left");
        assert!(
            self.parameters().is_empty(),
            "parameters are left: {:?}",
            self.parameters()
        );
        assert!(
            codebuild.at_work().is_empty(),
            "builds are at work: {:?}",
            codebuild.at_work()
        );
    }
}
