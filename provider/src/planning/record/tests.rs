//! A record is read back exactly or not at all, keeps no value, and stays small.

use fastcontainer_build_context::{ContentId, EntryKind};
use proptest::prelude::*;

use super::*;

fn file(path: String, content: &str) -> Entry {
    let content = content.as_bytes();
    let kind = EntryKind::File {
        size: content.len() as u64,
        executable: false,
        content: ContentId::of(content),
    };
    Entry {
        path,
        kind,
        mtime_ns: 1,
    }
}

/// A record of `files` files in 40 directories with everything else that a larger project has.
fn record(files: usize, secret: &str) -> ContentRecord {
    let context: Vec<_> = (0..files)
        .map(|at| {
            file(
                format!("package-{}/src/module{at}.ts", at % 40),
                &format!("{secret}{at}"),
            )
        })
        .collect();
    let text = |at: usize| format!("RUN step {at} {secret}");
    let texts: Vec<_> = (0..30).map(text).collect();
    let instructions: Vec<_> = texts
        .iter()
        .enumerate()
        .map(|(line, text)| InstructionText { line, text })
        .collect();
    let steps: Vec<_> = (0..20)
        .map(|at| StepKey {
            label: text(usize::from(at)),
            key: [at; 8],
        })
        .collect();
    let pairs = |prefix: &str, count: usize| {
        (0..count)
            .map(|at| (format!("{prefix}{at}"), secret.to_owned()))
            .collect()
    };
    let digests = (0..4)
        .map(|at| {
            (
                format!("registry.example.com/team/base-{at}:1.2.3"),
                format!("sha256:{at:064}"),
            )
        })
        .collect();
    let named = [file("logo.png".into(), secret)];
    let named = BTreeMap::from([(
        "assets".to_owned(),
        NamedEntries {
            digest: [7; 32],
            entries: &named,
        },
    )]);
    let parts = RecordParts {
        context: &context,
        named_contexts: &named,
        ignore_file: Some(secret.as_bytes()),
        dockerfile: secret.as_bytes(),
        instructions: &instructions,
        steps: &steps,
        base_images: &shortened(&digests),
    };
    let options = BuildOptions {
        build_args: pairs("ARGUMENT_", 10),
        labels: pairs("label", 5),
        triggers: vec![secret.to_owned()],
        ..BuildOptions::default()
    };
    compose(&options, &parts)
}

#[test]
fn a_record_is_read_back_exactly() {
    for files in [0, 1, 10, 1000] {
        let record = record(files, "x");
        assert_eq!(ContentRecord::decode(&record.encode()), Some(record), "{files} files");
    }
}

#[test]
fn a_record_stays_small_whatever_the_context() {
    let sizes = [10, 500, 50_000].map(|files| record(files, "x").encode().len());
    assert!(sizes[0] < 2_000, "{sizes:?}");
    assert!(sizes.iter().all(|size| *size < 6_000), "{sizes:?}");
}

#[test]
fn no_value_is_in_a_record() {
    let secret = "a-value-that-nobody-may-read";
    let bytes = base64::Engine::decode(
        &base64::engine::general_purpose::STANDARD_NO_PAD,
        record(10, secret).encode(),
    );
    let text = String::from_utf8_lossy(&bytes.unwrap()).into_owned();
    assert!(text.contains("ARGUMENT_3"), "names are kept: {text}");
    assert!(!text.contains(&secret[..6]), "{text}");
}

#[test]
fn a_very_long_dockerfile_keeps_no_digests() {
    let steps: Vec<_> = (0..=MOST_STEPS)
        .map(|_| StepKey {
            label: "[1/1] RUN".into(),
            key: [1; 8],
        })
        .collect();
    let (none, no_contexts) = (BTreeMap::new(), BTreeMap::new());
    let parts = |steps| RecordParts {
        context: &[],
        named_contexts: &no_contexts,
        ignore_file: None,
        dockerfile: b"",
        instructions: &[],
        steps,
        base_images: &none,
    };
    assert_eq!(compose(&BuildOptions::default(), &parts(&steps)).steps.len(), 0);
    assert_eq!(
        compose(&BuildOptions::default(), &parts(&steps[1..])).steps.len(),
        MOST_STEPS
    );
}

#[test]
fn every_option_and_no_default_has_a_digest() {
    let plain = OptionDigests::of(&BuildOptions::default());
    assert_eq!(plain, OptionDigests::default());
    let text = |value: &str| value.to_owned();
    let full = BuildOptions {
        target: Some(text("t")),
        platform: text("linux/arm64"),
        further_platforms: vec![text("linux/s390x")],
        named_contexts: [(text("n"), fastcontainer_dockerfile::NamedContext::Directory)].into(),
        build_args: [(text("A"), text(""))].into(),
        labels: [(text("l"), text("v"))].into(),
        network: crate::planning::options::Network::Host,
        add_hosts: vec![text("h:1.2.3.4")],
        secret_ids: [text("s")].into(),
        triggers: vec![text("t")],
    };
    let digests = OptionDigests::of(&full);
    let names: Vec<_> = digests.inputs.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "addHosts",
            "labels",
            "namedContexts",
            "network",
            "platforms",
            "secrets",
            "target",
            "triggers"
        ]
    );
    assert_eq!(differing(&digests.build_args, &plain.build_args), ["A"]);
}

fn digests_by_name() -> impl Strategy<Value = BTreeMap<String, ShortDigest>> {
    prop::collection::btree_map(".{0,200}", any::<ShortDigest>(), 0..5)
}

proptest! {
    #[test]
    fn any_record_is_read_back_exactly(
        maps in prop::array::uniform4(digests_by_name()),
        fixed in any::<[ShortDigest; 2]>(),
        instructions in prop::collection::vec(any::<InstructionDigest>(), 0..300),
        steps in prop::collection::vec(any::<ShortDigest>(), 0..300),
        files in 0..300_usize,
    ) {
        let [build_args, inputs, base_images, named_contexts] = maps;
        let [ignore_file, dockerfile] = fixed;
        let ContentRecord { files, directories, .. } = record(files, "x");
        let options = OptionDigests { build_args, inputs };
        let record = ContentRecord {
            options, base_images, named_contexts, ignore_file, dockerfile, instructions, steps, files, directories,
        };
        prop_assert_eq!(ContentRecord::decode(&record.encode()), Some(record));
    }

    #[test]
    fn noise_is_no_record_and_no_panic(text in ".{0,400}") {
        prop_assert_eq!(ContentRecord::decode(&text), None);
    }

    #[test]
    fn a_damaged_record_is_none(at in any::<prop::sample::Index>(), letter in "[A-Za-z0-9+/]", cut in any::<bool>()) {
        let text = record(10, "x").encode();
        let at = at.index(text.len());
        let damaged = if cut { text[..at].to_owned() } else { format!("{}{letter}{}", &text[..at], &text[at + 1..]) };
        prop_assume!(damaged != text);
        prop_assert_eq!(ContentRecord::decode(&damaged), None);
    }

    /// Past the checksum, which noise never is: whatever is read must not panic, and must be written the same again.
    #[test]
    fn noise_with_a_right_checksum_does_no_harm(
        noise in prop::collection::vec(any::<u8>(), 0..40),
        at in any::<prop::sample::Index>(),
    ) {
        use base64::Engine as _;
        let base64 = base64::engine::general_purpose::STANDARD_NO_PAD;
        let mut bytes = base64.decode(record(3, "x").encode()).unwrap_or_default();
        bytes.truncate(bytes.len() - 8);
        let at = at.index(bytes.len());
        let end = (at + noise.len()).min(bytes.len());
        bytes.splice(at..end, noise);
        let checksum: ShortDigest = short(&<sha2::Sha256 as sha2::Digest>::digest(&bytes).into());
        bytes.extend(checksum);
        if let Some(read) = ContentRecord::decode(&base64.encode(&bytes)) {
            prop_assert_eq!(ContentRecord::decode(&read.encode()), Some(read));
        }
    }
}
