//! Facts about send records on disk: reuse, damage, locking, clocks.
//!
//! Responsible for what survives a build and what does not, in directories of their own and with a clock that is a
//! plain value.
//!
//! Refuses to need a builder.

use super::*;

fn key(directory: &Path) -> RecordKey {
    RecordKey {
        directory: directory.join("records"),
        project: "shop".into(),
        resource: "api".into(),
    }
}

fn candidates(mark: &str) -> Vec<Candidate> {
    vec![Candidate {
        path: "a".into(),
        mark: mark.into(),
        own_time: 1,
    }]
}

fn at(second: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(second)
}

fn begin(directory: &Path, mark: &str, now: u64) -> SendRecord {
    SendRecord::begin(&key(directory), "worker-1", &candidates(mark), at(now))
}

const SECOND: i64 = 1_000_000_000;

#[test]
fn a_second_build_reuses_key_and_time() {
    let directory = tempfile::tempdir().unwrap();
    let first = begin(directory.path(), "f:1", 100);
    let (shared_key, times) = (first.shared_key.clone(), first.times.clone());
    drop(first);
    let second = begin(directory.path(), "f:1", 200);
    assert_eq!((second.shared_key.clone(), second.times.clone()), (shared_key, times));
}

#[test]
fn the_record_is_on_disk_as_soon_as_the_build_begins() {
    let directory = tempfile::tempdir().unwrap();
    let first = begin(directory.path(), "f:1", 100);
    let on_disk = Files::of(&key(directory.path()), "worker-1").read();
    assert_eq!(on_disk.shared_key, first.shared_key);
    assert_eq!(on_disk.history.sent["a"], Sent("f:1".into(), 100 * SECOND));
}

#[test]
fn endpoints_projects_and_images_have_records_of_their_own() {
    let directory = tempfile::tempdir().unwrap();
    let here = key(directory.path());
    let names = [
        Files::of(&here, "worker-1").record,
        Files::of(&here, "worker-2").record,
        Files::of(
            &RecordKey {
                project: "shopa".into(),
                resource: "pi".into(),
                ..here.clone()
            },
            "worker-1",
        )
        .record,
    ];
    assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
}

#[test]
fn an_edit_after_the_daemons_clock_ran_ahead_is_later_than_that_clock() {
    let directory = tempfile::tempdir().unwrap();
    begin(directory.path(), "f:1", 100).take_clock().unwrap().note(7_000);
    assert_eq!(begin(directory.path(), "f:2", 200).times, [7_001 * SECOND]);
}

#[test]
fn unusable_records_count_as_none_and_get_a_new_key() {
    for damage in ["", "{", r#"{"version":2,"shared_key":"k","top":1,"sent":{}}"#] {
        let directory = tempfile::tempdir().unwrap();
        let first = begin(directory.path(), "f:1", 100).shared_key.clone();
        std::fs::write(Files::of(&key(directory.path()), "worker-1").record, damage).unwrap();
        let second = begin(directory.path(), "f:1", 200);
        assert_ne!(second.shared_key, first);
        assert_eq!(second.times, [200 * SECOND]);
    }
}

#[test]
fn an_unusable_clock_file_counts_as_no_record() {
    let directory = tempfile::tempdir().unwrap();
    begin(directory.path(), "f:1", 100).take_clock().unwrap().note(150);
    std::fs::write(Files::of(&key(directory.path()), "worker-1").end, "soon").unwrap();
    assert_eq!(begin(directory.path(), "f:1", 200).times, [200 * SECOND]);
}

#[test]
fn a_build_beside_another_takes_a_fresh_key_and_leaves_the_record_alone() {
    let directory = tempfile::tempdir().unwrap();
    let first = begin(directory.path(), "f:1", 100);
    let before = std::fs::read(Files::of(&key(directory.path()), "worker-1").record).unwrap();
    let beside = begin(directory.path(), "f:2", 100);
    assert_ne!(beside.shared_key, first.shared_key);
    assert_eq!(beside.times, [101 * SECOND]);
    assert_eq!(
        std::fs::read(Files::of(&key(directory.path()), "worker-1").record).unwrap(),
        before
    );
}

#[test]
fn after_a_build_beside_another_recorded_times_are_not_trusted_once() {
    let directory = tempfile::tempdir().unwrap();
    let first = begin(directory.path(), "f:1", 100);
    drop(begin(directory.path(), "f:2", 150));
    drop(first);
    let third = begin(directory.path(), "f:1", 101);
    assert_eq!(third.times, [151 * SECOND]);
    drop(third);
    assert_eq!(begin(directory.path(), "f:1", 300).times, [151 * SECOND]);
}

#[test]
fn a_directory_that_cannot_be_written_costs_only_the_transfer() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("records"), "a file where the directory should be").unwrap();
    assert_eq!(begin(directory.path(), "f:1", 100).times, [100 * SECOND]);
}
