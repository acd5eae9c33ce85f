//! Ordered faults, and the counters that tests judge by.

use serde_json::json;

use crate::client::{Emulator, OCI_MANIFEST, digest, ecr_repository, image_manifest};

#[tokio::test]
async fn a_status_fault_skips_then_hits_then_is_over() {
    let emulator = Emulator::start().await;
    let app = ecr_repository(&emulator, "app").await;
    let fault = json!({
        "match": {"operation": "GET tags", "path": "/app/"}, "skip": 1, "count": 2,
        "kind": "status", "status": 429, "code": "TOOMANYREQUESTS", "retry_after": 3,
    });
    emulator.admin(("POST", "faults"), fault.to_string()).await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        let answer = app.send(&emulator, ("GET", "tags/list"), &[], "").await;
        statuses.push(answer.status.as_u16());
        if answer.status == 429 {
            assert_eq!(
                (answer.header("retry-after"), answer.code().as_str()),
                ("3", "TOOMANYREQUESTS")
            );
        }
    }
    assert_eq!(statuses, [200, 429, 429, 200]);
    let listed = emulator.admin(("GET", "faults"), "").await;
    assert_eq!(
        (&listed["faults"][0]["hits"], &listed["faults"][0]["count"]),
        (&json!(2), &json!(0))
    );
}

#[tokio::test]
async fn the_sdk_recovers_from_throttling_by_itself() {
    let emulator = Emulator::start().await;
    let fault = json!({
        "match": {"operation": "ecr:DescribeRepositories"}, "count": 2,
        "kind": "status", "status": 400, "code": "ThrottlingException", "message": "Rate exceeded",
    });
    emulator.admin(("POST", "faults"), fault.to_string()).await;
    emulator.ecr().describe_repositories().send().await.unwrap();
    let counters = emulator.admin(("GET", "counters"), "").await;
    assert_eq!(counters["operations"]["ecr:DescribeRepositories"], 3);
}

#[tokio::test]
async fn a_dropped_answer_may_or_may_not_have_had_its_effect() {
    let emulator = Emulator::start().await;
    let app = ecr_repository(&emulator, "app").await;
    let manifest = emulator.prepare_image(&app, b"layer").await;
    for (kind, tags) in [
        ("drop_before", json!({})),
        ("drop_after", json!({"v1": digest(manifest.as_bytes())})),
    ] {
        let fault = json!({"match": {"method": "PUT", "path": "/manifests/"}, "kind": kind});
        emulator.admin(("POST", "faults"), fault.to_string()).await;
        let headers: Vec<_> = app
            .headers()
            .into_iter()
            .chain([("content-type", OCI_MANIFEST)])
            .collect();
        let lost = emulator
            .try_send(("PUT", "/v2/app/manifests/v1"), &headers, manifest.clone())
            .await;
        assert!(lost.is_err(), "{kind}");
        let path = format!("repository?repository={}/app", crate::client::ECR);
        assert_eq!(emulator.admin(("GET", &path), "").await["tags"], tags, "{kind}");
    }
    assert_eq!(manifest, image_manifest(b"{}", b"layer"));
}

#[tokio::test]
async fn latency_delays_the_answer() {
    let emulator = Emulator::start().await;
    let fault = json!({"match": {"operation": "GET ping"}, "kind": "latency", "milliseconds": 150});
    emulator.admin(("POST", "faults"), fault.to_string()).await;
    let started = std::time::Instant::now();
    assert_eq!(
        emulator
            .send(("GET", "/v2/"), &[("host", "localhost")], "")
            .await
            .status,
        200
    );
    assert!(started.elapsed() >= std::time::Duration::from_millis(150));
}

#[tokio::test]
async fn faults_that_make_no_sense_are_refused() {
    let emulator = Emulator::start().await;
    for fault in [
        json!({"kind": "status"}),
        json!({"kind": "latency"}),
        json!({"kind": "nap"}),
        json!({"kind": "drop_after", "often": 1}),
    ] {
        let answer = emulator
            .send(("POST", "/_admin/faults"), &[("host", "localhost")], fault.to_string())
            .await;
        assert_eq!(answer.status, 400, "{fault}");
    }
}

#[tokio::test]
async fn requests_are_counted_and_listed_until_a_reset() {
    let emulator = Emulator::start().await;
    let app = ecr_repository(&emulator, "app").await;
    emulator.admin(("DELETE", "counters"), "").await;
    emulator.push_image(&app, "v1", b"layer").await;
    let counters = emulator.admin(("GET", "counters"), "").await;
    assert_eq!(
        counters["operations"],
        json!({"POST upload": 2, "PUT upload": 2, "PUT manifest": 1})
    );
    assert_eq!(counters["total"], 5);
    let requests = emulator.admin(("GET", "requests"), "").await;
    let last = requests["requests"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["path"], &last["status"]),
        (&json!("/v2/app/manifests/v1"), &json!(201))
    );
    emulator.admin(("DELETE", "counters"), "").await;
    assert_eq!(emulator.admin(("GET", "counters"), "").await["total"], 0);
}

#[tokio::test]
async fn the_admin_plane_is_not_reachable_under_other_names() {
    let emulator = Emulator::start().await;
    for host in ["registry-1.docker.io", crate::client::ECR] {
        assert_eq!(
            emulator
                .send(("GET", "/_admin/counters"), &[("host", host)], "")
                .await
                .status,
            404,
            "{host}"
        );
    }
}

#[tokio::test]
async fn a_fault_for_one_access_key_hits_nobody_else() {
    let emulator = Emulator::start().await;
    for (access_key, requests) in [("somebody", 1), ("test", 2)] {
        let fault = json!({
            "match": {"operation": "ecr:DescribeRepositories", "access_key": access_key},
            "kind": "status", "status": 400, "code": "ThrottlingException", "message": "Rate exceeded",
        });
        emulator.admin(("DELETE", "counters"), "").await;
        emulator.admin(("POST", "faults"), fault.to_string()).await;
        emulator.ecr().describe_repositories().send().await.unwrap();
        let counters = emulator.admin(("GET", "counters"), "").await;
        assert_eq!(
            counters["operations"]["ecr:DescribeRepositories"], requests,
            "{access_key}"
        );
    }
}
